-- A key of an issuer, known or new; nothing changes when it is as it was.
INSERT INTO saas.jwt_keys (issuer, kid, algorithm, key, audience, creates_users)
VALUES ($1, $2, $3, $4::jsonb, $5, $6)
ON CONFLICT (issuer, kid) DO UPDATE
   SET algorithm = excluded.algorithm, key = excluded.key, audience = excluded.audience,
       creates_users = excluded.creates_users, retired_at = NULL
 WHERE (jwt_keys.algorithm, jwt_keys.key, jwt_keys.audience, jwt_keys.creates_users, jwt_keys.retired_at)
       IS DISTINCT FROM (excluded.algorithm, excluded.key, excluded.audience, excluded.creates_users, NULL)
