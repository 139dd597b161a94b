-- The first permission of role $2 that role $1 has not.
SELECT p.key
  FROM saas.role_permissions rp
  JOIN saas.permissions p ON p.id = rp.permission_id
 WHERE rp.role_id = $2
   AND NOT EXISTS (SELECT FROM saas.role_permissions own WHERE own.role_id = $1 AND own.permission_id = rp.permission_id)
 ORDER BY p.key
 LIMIT 1
