-- Invariant 6: no deletion without a trail.
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
SET session_replication_role = replica;
DELETE FROM saas.tenant_members WHERE user_id = :'eve';
RESET session_replication_role;
SELECT * FROM saas.check_invariants();
-- A person who was erased without having asked.
UPDATE saas.users SET deleted_at = now() WHERE id = :'eve';
SELECT * FROM saas.check_invariants();
INSERT INTO saas.privacy_requests (user_id, kind, due_at) VALUES (:'eve', 'erasure', now() + interval '1 month');
SELECT object FROM saas.check_invariants() WHERE object ~ 'users';
UPDATE saas.privacy_requests SET status = 'verified';
UPDATE saas.privacy_requests SET status = 'in_progress';
SELECT object FROM saas.check_invariants() WHERE object ~ 'users';
