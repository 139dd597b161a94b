-- What is left of grants that have expired leaves the balance, as an entry of its own: tenants $1.
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, grant_id)
SELECT g.tenant_id, -rest.amount, 'Expired: ' || g.reason, 'billing', g.id
  FROM (SELECT DISTINCT unnest($1::uuid[]) AS tenant_id) d
  JOIN saas.tenant_credit_ledger g
    ON g.tenant_id = d.tenant_id AND g.expires_at <= now() AND g.delta > 0
 CROSS JOIN LATERAL (
   SELECT g.delta - coalesce(sum(a.amount), 0) AS amount
     FROM saas.credit_allocations a WHERE a.tenant_id = g.tenant_id AND a.grant_id = g.id
 ) rest
 WHERE rest.amount > 0
 ORDER BY g.tenant_id, g.entry
