-- Opens session $1 of user $2 with token hash $3, from address $4 and program $5, for $6 or as long as settings allow.
INSERT INTO saas.sessions (id, user_id, token_hash, ip_address, user_agent, created_at, last_seen_at, expires_at)
SELECT $1, u.id, $3, $4, $5, statement_timestamp(), statement_timestamp(),
       least(statement_timestamp() + $6, statement_timestamp() + (SELECT session_lifetime_limit FROM saas.settings))
  FROM saas.users u
 WHERE u.id = $2 AND u.deleted_at IS NULL
