-- What decides whether user $1 has permission $2 on the platform.
SELECT jsonb_build_object(
  'user', (SELECT jsonb_build_object('deleted_at', u.deleted_at) FROM saas.users u WHERE u.id = $1),
  'assignments', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
             'id', a.id, 'role', r.key, 'is_break_glass', r.is_break_glass,
             'has_permission', EXISTS (SELECT FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id
                                        WHERE rp.role_id = r.id AND p.key = $2),
             'state', CASE WHEN a.revoked_at IS NOT NULL THEN 'revoked'
                           WHEN a.expires_at <= statement_timestamp() THEN 'expired'
                           ELSE 'live' END,
             'reason', a.reason, 'assigned_by', a.assigned_by, 'assigned_at', a.assigned_at, 'expires_at', a.expires_at,
             'revoked_at', a.revoked_at, 'revoked_by', a.revoked_by, 'revoke_reason', a.revoke_reason)
             ORDER BY a.assigned_at, a.id), '[]')
      FROM saas.system_role_assignments a JOIN saas.roles r ON r.id = a.role_id
     WHERE a.assigned_user_id = $1),
  'roles_with_permission', (
    SELECT coalesce(jsonb_agg(r.key ORDER BY r.key), '[]')
      FROM saas.role_permissions rp
      JOIN saas.permissions p ON p.id = rp.permission_id AND p.key = $2
      JOIN saas.roles r ON r.id = rp.role_id AND r.is_system)
)::text
