-- Invariant 3: no impersonation without a session record.
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
-- An audit row as a forger would leave it: triggers off.
SET session_replication_role = replica;
INSERT INTO saas.platform_audit_logs (id, epoch, actor_type, actor_id, database_role, on_behalf_of, impersonation_id, tenant_id, action, target_type, target_id, row_hash)
VALUES ('00000000-0000-4000-8000-000000000001', 'x', 'user', :'bob', 'app', :'ann', '00000000-0000-7000-8000-0000000000f9', :'acme', 'looked', 'test', 'unknown', sha256('x'));
RESET session_replication_role;
SELECT * FROM saas.check_invariants();
-- With a session, but of others, for another tenant, at another time.
UPDATE saas.system_role_assignments SET assigned_at = now() - interval '1 day';
INSERT INTO saas.impersonation_sessions (id, actor_id, target_user_id, tenant_id, reason, started_at, expires_at)
SELECT id::uuid, :'bob', :'ann', :'acme', 'Ticket', now() - began::interval, now() - ended::interval
  FROM (VALUES ('00000000-0000-7000-8000-0000000000f1', '0', '-30 minutes'), ('00000000-0000-7000-8000-0000000000f2', '2 hours', '1 hour')) v (id, began, ended);
SET session_replication_role = replica;
INSERT INTO saas.platform_audit_logs (epoch, actor_type, actor_id, database_role, on_behalf_of, impersonation_id, tenant_id, action, target_type, target_id, row_hash)
SELECT 'x', 'user', actor::uuid, 'app', target::uuid, impersonation::uuid, tenant::uuid, 'looked', 'test', what, sha256('x')
  FROM (VALUES ('good', :'bob', :'ann', '00000000-0000-7000-8000-0000000000f1', :'acme'),
               ('none', :'bob', :'ann', NULL, :'acme'),
               ('another actor', :'eve', :'ann', '00000000-0000-7000-8000-0000000000f1', :'acme'),
               ('another target', :'bob', :'eve', '00000000-0000-7000-8000-0000000000f1', :'acme'),
               ('another tenant', :'bob', :'ann', '00000000-0000-7000-8000-0000000000f1', '00000000-0000-7000-8000-000000000002'),
               ('too late', :'bob', :'ann', '00000000-0000-7000-8000-0000000000f2', :'acme')) v (what, actor, target, impersonation, tenant);
RESET session_replication_role;
SELECT invariant, object, regexp_replace(detail, '^audit row \S+: ', '') AS detail FROM saas.check_invariants();
