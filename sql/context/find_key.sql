-- The live key of tenant $1 with hash $2: for whom it acts, its role, when it ends, its id, and whether it is time to note that
-- it was used.
SELECT k.user_id, k.role_id, k.expires_at, k.id,
       k.last_used_at IS NULL OR k.last_used_at <= statement_timestamp() - interval '1 hour'
  FROM saas.api_keys k
  JOIN saas.users u ON u.id = k.user_id AND u.deleted_at IS NULL
 WHERE k.tenant_id = $1 AND k.key_hash = $2 AND k.revoked_at IS NULL
   AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())
