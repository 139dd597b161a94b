-- Session $1 was used at $2. Whoever holds its row, to revoke it or to write the same, is not waited for.
UPDATE saas.sessions s
   SET last_seen_at = $2
  FROM (SELECT token_hash FROM saas.sessions WHERE id = $1 AND last_seen_at < $2 AND revoked_at IS NULL FOR NO KEY UPDATE SKIP LOCKED) free
 WHERE s.token_hash = free.token_hash
