-- System roles stay out of tenants, and tenant roles out of the platform.
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
ALTER TABLE saas.tenant_members DISABLE TRIGGER ALL;
ALTER TABLE saas.tenant_members ENABLE TRIGGER trg_audit_update, ENABLE ALWAYS TRIGGER trg_permissions_changed;
UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'platform_admin') WHERE user_id = :'eve';
ALTER TABLE saas.tenant_members ENABLE TRIGGER ALL;
SELECT * FROM saas.check_invariants();
UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_guest') WHERE user_id = :'eve';
ALTER TABLE saas.system_role_assignments DISABLE TRIGGER ALL;
ALTER TABLE saas.system_role_assignments ENABLE TRIGGER trg_audit_update, ENABLE ALWAYS TRIGGER trg_permissions_changed;
UPDATE saas.system_role_assignments SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_owner');
ALTER TABLE saas.system_role_assignments ENABLE TRIGGER ALL;
SELECT * FROM saas.check_invariants();
