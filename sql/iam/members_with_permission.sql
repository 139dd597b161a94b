-- The members of tenant $1 who have permission $2 there: what the checks say, by role instead of by user.
SELECT m.user_id
  FROM saas.tenant_members m
  JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
  JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
  JOIN saas.role_permissions rp ON rp.role_id = m.role_id
  JOIN saas.permissions p ON p.id = rp.permission_id AND p.key = $2
 WHERE m.tenant_id = $1
 ORDER BY m.user_id
