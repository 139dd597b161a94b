-- The open invitation of tenant $1 with the token's hash $2, if user $3 has its address; held until the end.
SELECT i.id, i.role_id, i.member_type, i.invited_by, lower(i.email) = lower(u.email)
  FROM saas.tenant_invitations i, saas.users u
 WHERE i.tenant_id = $1 AND i.token_hash = $2 AND i.accepted_at IS NULL AND i.revoked_at IS NULL
   AND i.expires_at > statement_timestamp()
   AND u.id = $3 AND u.deleted_at IS NULL
   FOR UPDATE OF i
