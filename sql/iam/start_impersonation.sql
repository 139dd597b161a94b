-- Opens impersonation $1: actor $2 as user $3 in tenant $4, started in session $5, because of $6, for $7, read-only $8,
-- ticket $9. It lasts no longer than the session it is started in and than the actor's right.
INSERT INTO saas.impersonation_sessions
  (id, actor_id, target_user_id, tenant_id, session_id, reason, ticket, read_only, approval_required, started_at, expires_at)
SELECT $1, $2, $3, $4, $5, $6, $9, $8, s.impersonation_approval, statement_timestamp(),
       least(statement_timestamp() + make_interval(secs => extract(epoch FROM $7)::float8),
             (SELECT own.expires_at FROM saas.sessions own WHERE own.id = $5),
             (SELECT max(coalesce(a.expires_at, 'infinity'))
                FROM saas.system_role_assignments a
                JOIN saas.role_permissions rp ON rp.role_id = a.role_id
                JOIN saas.permissions p ON p.id = rp.permission_id AND p.key = 'platform.user.impersonate'
               WHERE a.assigned_user_id = $2 AND a.revoked_at IS NULL
                 AND (a.expires_at IS NULL OR a.expires_at > statement_timestamp())))
  FROM saas.settings s
 WHERE extract(epoch FROM $7) > 0 AND extract(epoch FROM $7) <= 3600
