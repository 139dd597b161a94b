-- The live key $2 of tenant $1: whose, with which role, its name, whether it is a service account's, until when a successor
-- made now lasts (as long as it was made to last), and whether $3 is an overlap that can be meant. Held until the end.
SELECT k.user_id, k.role_id, k.name,
       EXISTS (SELECT FROM saas.tenant_members m WHERE m.tenant_id = k.tenant_id AND m.user_id = k.user_id AND m.member_type = 'service'),
       statement_timestamp() + (k.expires_at - k.created_at),
       $3 >= '0' AND $3 <= '30 days'
  FROM saas.api_keys k
 WHERE k.tenant_id = $1 AND k.id = $2 AND k.revoked_at IS NULL
   AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())
   FOR NO KEY UPDATE OF k
