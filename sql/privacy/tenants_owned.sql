-- Tenants that nobody owns but user $1, and how many others are in them. Their rows are locked already.
SELECT m.tenant_id, (SELECT count(*) FROM saas.tenant_members o WHERE o.tenant_id = m.tenant_id AND o.user_id <> $1)
  FROM saas.tenant_members m
  JOIN saas.roles r ON r.id = m.role_id AND r.key = 'tenant_owner'
  JOIN saas.tenants t ON t.id = m.tenant_id AND t.deleted_at IS NULL
 WHERE m.user_id = $1
   AND NOT EXISTS (SELECT FROM saas.tenant_members o JOIN saas.roles r ON r.id = o.role_id AND r.key = 'tenant_owner'
                    WHERE o.tenant_id = m.tenant_id AND o.user_id <> $1)
 ORDER BY m.tenant_id
