-- When erasure must wait for somebody else to act first, and does nothing until then.
\set ON_ERROR_ROLLBACK on
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_admin', 'admin');
SELECT saas.create_user('ann@example.com') AS ann, saas.create_user('bob@example.com') AS bob, saas.create_user('root@example.com') AS root,
       saas.create_user('ops@example.com') AS ops \gset
INSERT INTO saas.roles (key, is_system) VALUES ('platform_privacy', true);
INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p WHERE r.key = 'platform_privacy' AND p.key = 'platform.system.configure';
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT a.u::uuid, r.id, :'root', 'The first' FROM (VALUES (:'root', 'platform_superadmin'), (:'ops', 'platform_privacy')) a (u, key) JOIN saas.roles r USING (key);
SELECT saas.create_tenant('Acme', :'ann') AS acme \gset
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT :'acme', :'bob', id FROM saas.roles WHERE key = 'tenant_guest';
SELECT saas.create_session(:'ops') AS ops_token \gset
SELECT saas.open_privacy_request(:'ann', 'erasure') AS erasure, saas.open_privacy_request(:'root', 'erasure') AS of_root \gset
SELECT saas.verify_privacy_request(:'erasure'), saas.verify_privacy_request(:'of_root');
-- The last owner of a tenant with other members; the message names the tenant.
SELECT replace(:'acme', '-', '') <> '' AS there;
DO $$
DECLARE
  request uuid := (SELECT p.id FROM saas.privacy_requests p JOIN saas.users u ON u.id = p.user_id WHERE u.email = 'ann@example.com');
BEGIN
  PERFORM saas.erase_user(request);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  RAISE NOTICE '%', replace(SQLERRM, (SELECT id::text FROM saas.tenants), 'Acme');
END $$;
SELECT saas.erase_user(:'of_root');
\echo :LAST_ERROR_SQLSTATE
-- She alone in it: whoever erases needs the right to delete tenants, too.
DELETE FROM saas.tenant_members WHERE user_id = :'bob';
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'ops_token') = :'ops' AS ops;
SELECT saas.erase_user(:'erasure');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
-- A trigger of the application that keeps the rows; a table that is somebody else's; row-level security that hides.
CREATE SCHEMA app;
CREATE TABLE app.notes (user_id uuid, body text);
INSERT INTO app.notes VALUES (:'ann', 'x');
SELECT saas.register_personal_data('app.notes', 'body', 'text', 'Notes', 'consent', 'delete', 'user_id');
CREATE FUNCTION app.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep BEFORE DELETE ON app.notes FOR EACH ROW EXECUTE FUNCTION app.keep();
SELECT saas.erase_user(:'erasure');
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER keep ON app.notes;
ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT saas.erase_user(:'erasure');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE app.notes NO FORCE ROW LEVEL SECURITY;
RESET SESSION AUTHORIZATION;
ALTER TABLE app.notes OWNER TO postgres;
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.erase_user(:'erasure');
\echo :LAST_ERROR_SQLSTATE
-- Until here nothing was done.
SELECT u.email, u.deleted_at, p.status, t.deleted_at AS tenant_deleted FROM saas.users u JOIN saas.privacy_requests p ON p.user_id = u.id, saas.tenants t WHERE u.id = :'ann';
DELETE FROM saas.personal_data_registry WHERE table_name = 'app.notes';
SELECT saas.erase_user(:'erasure') -> 'anonymized' AS anonymized;
-- A refused request erases nothing.
SELECT saas.open_privacy_request(:'bob', 'erasure') AS of_bob \gset
SELECT saas.decide_privacy_request(:'of_bob', 'refused', 'Not Bob');
SELECT saas.erase_user(:'of_bob');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM saas.check_invariants();
