-- Triggers that are off show.
\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b1'
\set eve '00000000-0000-7000-8000-0000000000e1'
\set acme '00000000-0000-7000-8000-000000000001'
-- Ann owns Acme and Eve is a guest there; Bob is of the platform's support.
INSERT INTO saas.users (id, email) VALUES (:'ann', 'ann@example.com'), (:'bob', 'bob@example.com'), (:'eve', 'eve@example.com');
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.tenant_members (tenant_id, id, user_id, role_id) SELECT :'acme', '00000000-0000-7000-8000-0000000000a2', :'ann', id FROM saas.roles WHERE key = 'tenant_owner';
INSERT INTO saas.tenant_members (tenant_id, id, user_id, role_id) SELECT :'acme', '00000000-0000-7000-8000-0000000000e2', :'eve', id FROM saas.roles WHERE key = 'tenant_guest';
INSERT INTO saas.system_role_assignments (id, assigned_user_id, role_id, assigned_by, reason)
SELECT '00000000-0000-7000-8000-0000000000b2', :'bob', id, :'bob', 'On call' FROM saas.roles WHERE key = 'platform_support';
ALTER TABLE saas.platform_audit_logs DISABLE TRIGGER trg_refuse_change;
SELECT regexp_replace(object, '_\d{6}', '_YYYYMM') AS object, detail, count(*) FROM saas.check_invariants() GROUP BY 1, 2 ORDER BY 1;
-- What DISABLE and ENABLE TRIGGER ALL leave behind.
ALTER TABLE saas.platform_audit_logs ENABLE ALWAYS TRIGGER trg_refuse_change;
ALTER TABLE saas.tenant_credit_ledger DISABLE TRIGGER ALL;
ALTER TABLE saas.tenant_credit_ledger ENABLE TRIGGER ALL;
ALTER TABLE saas.users DISABLE TRIGGER trg_audit_update;
DROP TRIGGER trg_audit_delete ON saas.tenants;
SELECT * FROM saas.check_invariants();
-- saas.install() brings back what is missing and what must be ENABLE ALWAYS.
SELECT saas.install();
SELECT * FROM saas.check_invariants();
