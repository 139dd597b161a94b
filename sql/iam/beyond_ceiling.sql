-- Those of permissions $2 that user $1 does not hold on the platform until $3 at least.
SELECT asked.key
  FROM unnest($2) AS asked (key)
 WHERE NOT EXISTS (
   SELECT FROM saas.system_role_assignments a
     JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
     JOIN saas.role_permissions rp ON rp.role_id = a.role_id
     JOIN saas.permissions p ON p.id = rp.permission_id
    WHERE a.assigned_user_id = $1 AND a.revoked_at IS NULL AND p.key = asked.key
      AND coalesce(a.expires_at, 'infinity') >= $3 AND coalesce(a.expires_at, 'infinity') > statement_timestamp())
 ORDER BY asked.key
