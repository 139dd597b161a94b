-- The open code for purpose $1 of identifier $2; held until the end, so that guesses at once are counted one by one.
SELECT v.id, v.user_id, v.token_hash
  FROM saas.verifications v
 WHERE v.identifier = lower($2) AND v.purpose = $1 AND v.is_code
   AND v.used_at IS NULL AND v.expires_at > statement_timestamp() AND v.attempts < v.max_attempts
   FOR UPDATE
