-- The last balance of tenant $1, less what is left of grants that have expired since.
SELECT coalesce((SELECT l.balance_after FROM saas.tenant_credit_ledger l
                  WHERE l.tenant_id = $1 ORDER BY l.entry DESC LIMIT 1), 0)
     - coalesce((SELECT sum(l.remaining) FROM saas.credit_lots l WHERE l.tenant_id = $1 AND l.expires_at <= now()), 0)::bigint
