-- The live session with token hash $1: whose, its id, when it ends whatever happens, and whether it is time to note that it was
-- seen. That is noted early enough that nobody is idle while he works: the tenth of the timeout is what he may lose of it.
SELECT s.user_id, s.id, least(s.expires_at, s.created_at + st.session_lifetime_limit),
       s.last_seen_at <= statement_timestamp() - least(interval '1 hour', st.session_idle_timeout / 10)
  FROM saas.sessions s
  JOIN saas.users u ON u.id = s.user_id AND u.deleted_at IS NULL
  LEFT JOIN saas.settings st ON true
 WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > statement_timestamp()
   AND (st.session_lifetime_limit IS NULL OR s.created_at + st.session_lifetime_limit > statement_timestamp())
   AND (st.session_idle_timeout IS NULL OR s.last_seen_at + st.session_idle_timeout > statement_timestamp())
