-- The last balance of tenant $1, less what is left of grants that have expired since.
SELECT coalesce((SELECT l.balance_after FROM saas.tenant_credit_ledger l
                  WHERE l.tenant_id = $1 ORDER BY l.entry DESC LIMIT 1), 0)
     - coalesce((SELECT sum(g.delta - coalesce((SELECT sum(a.amount) FROM saas.credit_allocations a
                                                 WHERE a.tenant_id = g.tenant_id AND a.grant_id = g.id), 0))
                   FROM saas.tenant_credit_ledger g
                  WHERE g.tenant_id = $1 AND g.delta > 0 AND g.expires_at <= now()), 0)::bigint
