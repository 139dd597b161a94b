-- Takes back what is left of the grant with key $2. Naming the grant makes the ledger's trigger
-- draw on that one only.
INSERT INTO saas.tenant_credit_ledger (tenant_id, id, delta, reason, source, grant_id, idempotency_key)
SELECT g.tenant_id, saas.uuid_v7(), -g.remaining, 'Top-up refunded', 'billing', g.id, $3
  FROM (
    SELECT l.tenant_id, l.id,
           l.delta - coalesce((SELECT sum(a.amount)::bigint FROM saas.credit_allocations a
                                WHERE a.tenant_id = l.tenant_id AND a.grant_id = l.id), 0) AS remaining
      FROM saas.tenant_credit_ledger l
     WHERE l.tenant_id = $1 AND l.idempotency_key = $2
  ) AS g
 WHERE g.remaining > 0
ON CONFLICT (tenant_id, idempotency_key) DO NOTHING
