-- Stores verification $1 for purpose $2 of identifier $3 and user $4: hash $5, a code or not $6, for $7, with $8 attempts. None
-- after ten within an hour.
INSERT INTO saas.verifications (id, purpose, identifier, user_id, token_hash, is_code, created_at, expires_at, max_attempts)
SELECT $1, $2, lower($3), $4, $5, $6, statement_timestamp(), statement_timestamp() + $7, $8
 WHERE (SELECT count(*) FROM saas.verifications v
         WHERE v.identifier = lower($3) AND v.purpose = $2 AND v.created_at > statement_timestamp() - interval '1 hour') < 10
