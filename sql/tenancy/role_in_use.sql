-- How many members of tenant $1, open invitations and live API keys have role $2.
SELECT (SELECT count(*) FROM saas.tenant_members m WHERE m.tenant_id = $1 AND m.role_id = $2),
       (SELECT count(*) FROM saas.tenant_invitations i
         WHERE i.tenant_id = $1 AND i.role_id = $2 AND i.accepted_at IS NULL AND i.revoked_at IS NULL
           AND i.expires_at > statement_timestamp()),
       (SELECT count(*) FROM saas.api_keys k
         WHERE k.tenant_id = $1 AND k.role_id = $2 AND k.revoked_at IS NULL
           AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp()))
