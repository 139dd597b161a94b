-- Invariant 4: no tenant action without membership. Bobs support role ended; he was never a member.
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
INSERT INTO saas.users (id, email) VALUES ('00000000-0000-7000-8000-0000000000c1', 'cid@example.com');
BEGIN;
SELECT saas.begin_request_as('00000000-0000-7000-8000-0000000000c1');
UPDATE saas.tenants SET name = 'Mine' WHERE id = :'acme';
COMMIT;
\x
SELECT invariant, object, regexp_replace(detail, 'at \S+', 'at …') AS detail FROM saas.check_invariants();
\x
-- Who was a member, some minutes ago, is one no more.
DELETE FROM saas.tenant_members WHERE user_id = :'eve';
SET session_replication_role = replica;
INSERT INTO saas.platform_audit_logs (id, occurred_at, epoch, actor_type, actor_id, database_role, tenant_id, action, target_type, target_id, old_values, new_values, row_hash)
VALUES ('00000000-0000-4000-8000-000000000001', now() + interval '4 minutes', 'x', 'user', :'eve', 'app', :'acme', 'api_keys.update', 'test', 'in time', NULL, '{}', sha256('x')),
       ('00000000-0000-4000-8000-000000000002', now() + interval '6 minutes', 'x', 'user', :'eve', 'app', :'acme', 'api_keys.update', 'test', 'too late', NULL, '{}', sha256('x'));
RESET session_replication_role;
SELECT invariant, object, substring(detail FROM 'who had.*') AS detail FROM saas.check_invariants();
