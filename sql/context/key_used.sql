-- Key $2 of tenant $1 was used at $3. Whoever holds its row, to revoke it or to write the same, is not waited for.
UPDATE saas.api_keys k
   SET last_used_at = $3
  FROM (SELECT id FROM saas.api_keys
         WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL AND (last_used_at IS NULL OR last_used_at < $3)
           FOR NO KEY UPDATE SKIP LOCKED) free
 WHERE k.tenant_id = $1 AND k.id = free.id
