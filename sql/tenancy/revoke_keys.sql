-- Revokes the keys of user $2 in tenant $1 that may more than role $3; without a role all of them. $2 NULL: everybody's.
UPDATE saas.api_keys k
   SET revoked_at = now()
 WHERE k.tenant_id = $1 AND ($2 IS NULL OR k.user_id = $2) AND k.revoked_at IS NULL
   AND ($3 IS NULL OR EXISTS (
         SELECT FROM saas.role_permissions rp
          WHERE rp.role_id = k.role_id
            AND NOT EXISTS (SELECT FROM saas.role_permissions own
                             WHERE own.role_id = $3 AND own.permission_id = rp.permission_id)))
