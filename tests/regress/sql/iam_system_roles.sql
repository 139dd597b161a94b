-- Giving system roles and taking them back.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin') \g /dev/null
SELECT saas.create_user(n || '@example.com', n) FROM unnest(ARRAY['root', 'conny', 'sam', 'ann']) n \g /dev/null
SELECT saas.create_session(id) AS root_token, id AS root FROM saas.users WHERE name = 'root' \gset
SELECT saas.create_session(id) AS conny_token, id AS conny FROM saas.users WHERE name = 'conny' \gset
SELECT saas.create_session(id) AS sam_token, id AS sam FROM saas.users WHERE name = 'sam' \gset
SELECT saas.create_session(id) AS ann_token, id AS ann FROM saas.users WHERE name = 'ann' \gset
SELECT saas.create_tenant('Acme', :'ann') AS acme \gset
SELECT saas.define_platform_role('platform_conny', ARRAY['platform.system.configure', 'platform.tenant.read']) IS NOT NULL AS defined;
SELECT saas.define_platform_role('platform_reader', ARRAY['platform.tenant.read']) IS NOT NULL AS defined;
SELECT saas.define_platform_role('platform_fire', ARRAY['platform.tenant.suspend'], true) IS NOT NULL AS defined;
-- The data owner gives the first one.
SELECT saas.grant_system_role(:'root', 'platform_superadmin', 'The first') AS first \gset
SELECT saas.grant_system_role(:'conny', 'platform_conny', 'Configures', now() + interval '30 days') AS connys \gset
SELECT saas.grant_system_role(:'sam', 'platform_support', '');
SELECT saas.grant_system_role(:'sam', 'platform_support', E' \n');
SELECT saas.grant_system_role(:'sam', 'platform_support', NULL);
SELECT saas.grant_system_role(NULL, 'platform_support', 'x');
SELECT saas.grant_system_role(:'sam', NULL, 'x');
SELECT saas.grant_system_role(:'sam', 'platform_suport', 'x');
SELECT saas.grant_system_role(:'sam', 'tenant_owner', 'x');
SELECT saas.grant_system_role(:'sam', 'platform_fire', 'x');
SELECT saas.grant_system_role('00000000-0000-7000-8000-000000000009', 'platform_support', 'x');
SELECT saas.grant_system_role(:'sam', 'platform_support', 'x', now());
SELECT saas.grant_system_role(:'sam', 'platform_support', 'x', '-infinity');
SELECT saas.grant_system_role(:'sam', 'platform_support', 'x', 'infinity');
-- Who may.
SET SESSION AUTHORIZATION saas_app;
SELECT saas.grant_system_role(:'ann', 'platform_support', 'x');
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.grant_system_role(:'ann', 'platform_support', 'x');
SELECT saas.revoke_system_role(:'first', 'x');
BEGIN;
SELECT saas.begin_request(:'ann_token') \g /dev/null
SAVEPOINT s;
SELECT saas.grant_system_role(:'ann', 'platform_support', 'x');
ROLLBACK TO s;
SELECT saas.revoke_system_role(:'first', 'x');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'root_token') \g /dev/null
SELECT saas.grant_system_role(:'sam', 'platform_support', 'On call', now() + interval '1 day') AS sams \gset
SAVEPOINT s;
SELECT saas.grant_system_role(:'sam', 'platform_support', 'Again');
ROLLBACK TO s;
SELECT saas.has_system_permission(:'sam', 'platform.user.impersonate');
COMMIT;
-- Nobody gives more than he has, nor for longer.
BEGIN;
SELECT saas.begin_request(:'conny_token') \g /dev/null
SELECT saas.grant_system_role(:'ann', 'platform_reader', 'Reads', now() + interval '29 days') IS NOT NULL AS given;
SAVEPOINT s;
SELECT saas.grant_system_role(:'conny', 'platform_reader', 'For ever');
ROLLBACK TO s;
SELECT saas.grant_system_role(:'conny', 'platform_reader', 'Longer', now() + interval '31 days');
ROLLBACK TO s;
SELECT saas.grant_system_role(:'conny', 'platform_support', 'More', now() + interval '1 day');
ROLLBACK TO s;
SELECT saas.grant_system_role(:'conny', 'platform_superadmin', 'All', now() + interval '1 day');
ROLLBACK;
-- Taken back: reason, once, audited.
BEGIN;
SELECT saas.begin_request(:'root_token') \g /dev/null
SAVEPOINT s;
SELECT saas.revoke_system_role(:'sams', '');
ROLLBACK TO s;
SELECT saas.revoke_system_role(:'sams', NULL);
ROLLBACK TO s;
SELECT saas.revoke_system_role(NULL, 'x');
ROLLBACK TO s;
SELECT saas.revoke_system_role('00000000-0000-7000-8000-000000000009', 'x');
ROLLBACK TO s;
SELECT saas.revoke_system_role(:'sams', 'Off call');
SELECT saas.has_system_permission(:'sam', 'platform.user.impersonate');
SAVEPOINT s;
SELECT saas.revoke_system_role(:'sams', 'Off call');
ROLLBACK TO s;
-- A new one is possible, and has the same place.
SELECT saas.grant_system_role(:'sam', 'platform_support', 'On call again') IS NOT NULL AS given;
COMMIT;
-- The last who may configure stays: whoever else may is limited in time.
BEGIN;
SELECT saas.begin_request(:'conny_token') \g /dev/null
SAVEPOINT s;
SELECT saas.revoke_system_role(:'first', 'Mutiny');
ROLLBACK TO s;
-- His own may go: another one has it for longer.
SELECT saas.revoke_system_role(:'connys', 'I quit');
SAVEPOINT s;
SELECT saas.revoke_system_role(:'first', 'Mutiny');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'root_token') \g /dev/null
SELECT saas.revoke_system_role(:'first', 'I quit');
ROLLBACK;
-- What has expired is closed when it is given anew, and hinders nobody.
SET SESSION AUTHORIZATION saas_owner;
UPDATE saas.system_role_assignments SET assigned_at = now() - interval '2 days', expires_at = now() - interval '1 day' WHERE id = :'connys';
SELECT saas.grant_system_role(:'conny', 'platform_conny', 'Once more') IS NOT NULL AS given;
SELECT reason, revoked_at IS NOT NULL AS closed, revoke_reason, revoked_by IS NULL AS by_nobody
  FROM saas.system_role_assignments WHERE assigned_user_id = :'conny' ORDER BY assigned_at;
-- The data owner may take the last.
BEGIN;
SELECT saas.revoke_system_role(id, 'Closing down') FROM saas.system_role_assignments WHERE revoked_at IS NULL;
SELECT count(*) AS left FROM saas.system_role_assignments WHERE revoked_at IS NULL;
ROLLBACK;
-- An assignment of a break-glass role without an event is refused to everybody.
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'ann', id, :'ann', 'x' FROM saas.roles WHERE key = 'platform_fire';
UPDATE saas.system_role_assignments SET role_id = (SELECT id FROM saas.roles WHERE key = 'platform_fire') WHERE id = :'first';
SELECT l.action, u.name AS actor, l.reason FROM saas.platform_audit_logs l LEFT JOIN saas.users u ON u.id = l.actor_id
 WHERE l.target_type = 'system_role_assignments' AND l.actor_id IS NOT NULL ORDER BY l.id;
SELECT * FROM saas.check_invariants();
