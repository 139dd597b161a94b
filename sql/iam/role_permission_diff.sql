-- What role $1 or role $2 carries.
SELECT p.key, bool_or(rp.role_id = $1), bool_or(rp.role_id = $2)
  FROM saas.role_permissions rp
  JOIN saas.permissions p ON p.id = rp.permission_id
 WHERE rp.role_id IN ($1, $2)
 GROUP BY p.key
 ORDER BY p.key
