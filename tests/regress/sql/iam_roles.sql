-- Tenant roles and system roles never meet.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.create_user('jane@example.com') AS jane \gset
SELECT saas.create_user('joe@example.com') AS joe \gset
SELECT saas.create_tenant('Acme', :'jane') AS acme \gset
\pset format unaligned
SELECT r.key AS role, r.is_system, string_agg(p.key, ', ' ORDER BY p.key) AS permissions
  FROM saas.roles r JOIN saas.role_permissions rp ON rp.role_id = r.id JOIN saas.permissions p ON p.id = rp.permission_id
 GROUP BY r.id ORDER BY r.is_system, r.key;
\pset format aligned

INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT :'acme', :'joe', id FROM saas.roles WHERE key = 'platform_admin';
\echo :LAST_ERROR_SQLSTATE
UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'platform_support');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'joe', id, :'jane', 'example' FROM saas.roles WHERE key = 'tenant_owner';
\echo :LAST_ERROR_SQLSTATE
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'joe', id, :'jane', 'example' FROM saas.roles WHERE key = 'platform_support';
UPDATE saas.system_role_assignments SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_owner');
\echo :LAST_ERROR_SQLSTATE
-- The role itself can't change sides either. (Details hold ids.)
\set VERBOSITY terse
UPDATE saas.roles SET is_system = true WHERE key = 'tenant_owner';
\echo :LAST_ERROR_SQLSTATE
UPDATE saas.roles SET is_system = false WHERE key = 'platform_support';
\echo :LAST_ERROR_SQLSTATE
-- One live assignment of a role to a user.
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'joe', id, :'jane', 'again' FROM saas.roles WHERE key = 'platform_support';
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- The last owner stays.
DELETE FROM saas.tenant_members;
\echo :LAST_ERROR_SQLSTATE
UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_guest');
\echo :LAST_ERROR_SQLSTATE
