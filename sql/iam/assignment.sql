-- Whether assignment $1 is revoked, whether revoking it would leave nobody who may configure the platform for as long, and whose
-- it is. An emergency role is nothing to rely on, and its end no loss.
WITH configurators AS (
  SELECT a.id, coalesce(a.expires_at, 'infinity') AS until
    FROM saas.system_role_assignments a
    JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
    JOIN saas.roles r ON r.id = a.role_id AND NOT r.is_break_glass
   WHERE a.revoked_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > statement_timestamp())
     AND EXISTS (SELECT FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id
                  WHERE rp.role_id = r.id AND p.key = 'platform.system.configure')
)
SELECT a.revoked_at IS NOT NULL,
       EXISTS (SELECT FROM configurators c WHERE c.id = a.id)
       AND NOT EXISTS (SELECT FROM configurators c
                        WHERE c.id <> a.id AND c.until >= coalesce(a.expires_at, 'infinity')),
       a.assigned_user_id
  FROM saas.system_role_assignments a
 WHERE a.id = $1
