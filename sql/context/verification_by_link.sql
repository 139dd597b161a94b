-- The open verification for purpose $1 with hash $2, of identifier $3 if one is given; held until the end, so that of two who
-- use it at once one does.
SELECT v.id, v.user_id, v.token_hash
  FROM saas.verifications v
 WHERE v.token_hash = $2 AND v.purpose = $1 AND NOT v.is_code AND ($3 IS NULL OR v.identifier = lower($3))
   AND v.used_at IS NULL AND v.expires_at > statement_timestamp()
   FOR UPDATE
