-- Impersonation $1 if actor $2 may enter it in session $3 now: one that needs a second person's approval
-- has it, and one that was started in a session is entered in that session only.
SELECT i.target_user_id, i.tenant_id, i.expires_at, i.read_only
  FROM saas.impersonation_sessions i
  JOIN saas.users u ON u.id = i.target_user_id AND u.deleted_at IS NULL
 WHERE i.id = $1 AND i.actor_id = $2
   AND i.ended_at IS NULL AND i.expires_at > statement_timestamp()
   AND (i.session_id IS NULL OR i.session_id = $3)
   AND (i.approved_by IS NOT NULL OR NOT i.approval_required)
