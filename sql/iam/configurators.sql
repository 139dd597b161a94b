-- Who may configure the platform now, emergency roles not counted.
SELECT a.assigned_user_id
  FROM saas.system_role_assignments a
  JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
  JOIN saas.roles r ON r.id = a.role_id AND NOT r.is_break_glass
  JOIN saas.role_permissions rp ON rp.role_id = r.id
  JOIN saas.permissions p ON p.id = rp.permission_id AND p.key = 'platform.system.configure'
 WHERE a.revoked_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > statement_timestamp())
 LIMIT 1
