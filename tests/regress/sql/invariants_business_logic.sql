-- Invariant 1: no business logic before the permission check. The guest changes the tenant.
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
SELECT saas.begin_request_as(:'eve', :'acme');
UPDATE saas.tenants SET name = 'Eve''s' WHERE id = :'acme';
COMMIT;
\x
SELECT invariant, object, regexp_replace(detail, 'at \S+', 'at …') AS detail FROM saas.check_invariants();
\x
-- With the triggers off, a log written by hand: an owner is demoted, acts on, and makes himself owner again.
SET session_replication_role = replica;
INSERT INTO saas.platform_audit_logs (id, occurred_at, epoch, actor_type, actor_id, database_role, tenant_id, action, target_type, target_id, old_values, new_values, row_hash)
SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, now() + n * interval '10 minutes', 'x', 'user', :'ann', 'app', :'acme', action, split_part(action, '.', 1), target, old, new, sha256('x')
  FROM (VALUES (1, 'tenant_members.update', '00000000-0000-7000-8000-0000000000a2',
                (SELECT jsonb_build_object('role_id', id) FROM saas.roles WHERE key = 'tenant_owner'),
                (SELECT jsonb_build_object('role_id', id) FROM saas.roles WHERE key = 'tenant_guest')),
               (2, 'tenants.update', :'acme', '{"name":"Acme"}', '{"name":"Acme"}'),
               (3, 'tenant_members.update', '00000000-0000-7000-8000-0000000000a2',
                (SELECT jsonb_build_object('role_id', id) FROM saas.roles WHERE key = 'tenant_guest'),
                (SELECT jsonb_build_object('role_id', id) FROM saas.roles WHERE key = 'tenant_owner'))) v (n, action, target, old, new);
RESET session_replication_role;
SELECT invariant, object, substring(detail FROM 'who had.*') AS detail FROM saas.check_invariants();
-- Platform actions: support may not touch plans, and gives nobody a role.
BEGIN;
SELECT saas.begin_request_as(:'bob');
INSERT INTO saas.plans (id, name, key, base_price, currency, billing_interval) VALUES ('00000000-0000-7000-8000-0000000000d1', 'Pro', 'pro', 1000, 'USD', 'monthly');
INSERT INTO saas.system_role_assignments (id, assigned_user_id, role_id, assigned_by, reason)
SELECT '00000000-0000-7000-8000-0000000000d2', :'bob', id, :'bob', 'I like it' FROM saas.roles WHERE key = 'platform_superadmin';
COMMIT;
SELECT invariant, object, substring(detail FROM 'who had.*') AS detail FROM saas.check_invariants() ORDER BY 2;
