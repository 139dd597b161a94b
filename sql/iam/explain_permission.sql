-- What decides whether user $1 has permission $3 in tenant $2. $4: the role of an API key, or the nil UUID.
SELECT jsonb_build_object(
  'user', (SELECT jsonb_build_object('deleted_at', u.deleted_at) FROM saas.users u WHERE u.id = $1),
  'tenant', (SELECT jsonb_build_object('suspended_at', t.suspended_at, 'deleted_at', t.deleted_at) FROM saas.tenants t WHERE t.id = $2),
  'membership', (SELECT jsonb_build_object('id', m.id, 'member_type', m.member_type, 'since', m.created_at)
                   FROM saas.tenant_members m WHERE m.tenant_id = $2 AND m.user_id = $1),
  'role', (SELECT jsonb_build_object('id', r.id, 'key', r.key, 'from', CASE WHEN k.id IS NULL THEN 'membership' ELSE 'api_key' END)
             FROM saas.tenant_members m
             LEFT JOIN saas.roles k ON k.id = $4
             JOIN saas.roles r ON r.id = coalesce(k.id, m.role_id)
            WHERE m.tenant_id = $2 AND m.user_id = $1),
  'grant', (SELECT jsonb_build_object('role_id', rp.role_id, 'permission_id', rp.permission_id)
              FROM saas.tenant_members m
              LEFT JOIN saas.roles k ON k.id = $4
              JOIN saas.role_permissions rp ON rp.role_id = coalesce(k.id, m.role_id)
              JOIN saas.permissions p ON p.id = rp.permission_id AND p.key = $3
             WHERE m.tenant_id = $2 AND m.user_id = $1),
  'user_role', (SELECT jsonb_build_object('id', r.id, 'key', r.key, 'has_permission',
                         EXISTS (SELECT FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id AND p.key = $3
                                  WHERE rp.role_id = r.id))
                  FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id
                 WHERE m.tenant_id = $2 AND m.user_id = $1),
  'roles_with_permission', (SELECT coalesce(jsonb_agg(r.key ORDER BY r.key), '[]')
                              FROM saas.role_permissions rp
                              JOIN saas.permissions p ON p.id = rp.permission_id AND p.key = $3
                              JOIN saas.roles r ON r.id = rp.role_id AND NOT r.is_system
                             WHERE r.tenant_id IS NULL OR r.tenant_id = $2)
)::text
