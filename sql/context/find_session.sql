-- The session with token hash $1 that is neither revoked nor over: whose, its id, when it was opened, last seen, and when it ends.
SELECT s.user_id, s.id, s.created_at, s.last_seen_at, s.expires_at
  FROM saas.sessions s
  JOIN saas.users u ON u.id = s.user_id AND u.deleted_at IS NULL
 WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > statement_timestamp()
