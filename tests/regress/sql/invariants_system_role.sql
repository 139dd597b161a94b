-- Invariant 5: no system role without an assignment.
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
BEGIN;
SELECT saas.begin_request_as(:'ann', :'acme');
UPDATE saas.tenants SET suspended_at = now() WHERE id = :'acme';
COMMIT;
SELECT invariant, object, substring(detail FROM 'who had.*') AS detail FROM saas.check_invariants();
-- An impersonation by somebody who never had the role, an emergency role that was never given; triggers off.
ALTER TABLE saas.impersonation_sessions DISABLE TRIGGER ALL;
ALTER TABLE saas.impersonation_sessions ENABLE TRIGGER trg_audit_insert;
INSERT INTO saas.impersonation_sessions (id, actor_id, target_user_id, tenant_id, reason, expires_at)
VALUES ('00000000-0000-7000-8000-0000000000f1', :'eve', :'ann', :'acme', 'Curious', now() + interval '30 minutes');
INSERT INTO saas.break_glass_events (id, user_id, role_id, reason, expires_at)
SELECT '00000000-0000-7000-8000-0000000000f2', :'eve', id, 'Fire', now() + interval '1 hour' FROM saas.roles WHERE key = 'platform_admin';
ALTER TABLE saas.impersonation_sessions ENABLE TRIGGER ALL;
SELECT invariant, object, detail FROM saas.check_invariants() WHERE object !~ 'tenants';
