-- The same as load_memberships.sql of one tenant, $5.
WITH m AS MATERIALIZED (
  SELECT m.tenant_id, m.role_id
    FROM saas.tenant_members m
    JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
    JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
   WHERE m.user_id = $1 AND m.tenant_id = $5
)
SELECT m.tenant_id, m.role_id, NULL::uuid AS permission_id FROM m
UNION ALL
SELECT NULL, rp.role_id, rp.permission_id
  FROM saas.role_permissions rp
 WHERE rp.role_id = ANY (ARRAY(SELECT m.role_id FROM m WHERE m.role_id <> ALL ($2) UNION SELECT $3))
UNION ALL
SELECT NULL, NULL, p.id FROM saas.permissions p WHERE p.key = $4
