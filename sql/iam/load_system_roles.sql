-- All that checks of user $1 on the platform need, in one statement: his assignments (role, until when), what each of their roles
-- carries (role, permission) but for the roles $2, and the permission of key $3.
WITH a AS MATERIALIZED (
  SELECT a.role_id, a.expires_at
    FROM saas.system_role_assignments a
    JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
   WHERE a.assigned_user_id = $1 AND a.revoked_at IS NULL
)
SELECT a.role_id, a.expires_at, NULL::uuid AS permission_id FROM a
UNION ALL
SELECT rp.role_id, NULL, rp.permission_id
  FROM saas.role_permissions rp
 WHERE rp.role_id = ANY (ARRAY(SELECT a.role_id FROM a WHERE a.role_id <> ALL ($2)))
UNION ALL
SELECT NULL, NULL, p.id FROM saas.permissions p WHERE p.key = $3
