-- What is left of grants that have expired leaves the balance, as an entry of its own: tenants $1.
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, grant_id)
SELECT g.tenant_id, -l.remaining, 'Expired: ' || g.reason, 'billing', g.id
  FROM (SELECT DISTINCT unnest($1::uuid[]) AS tenant_id) d
  JOIN saas.credit_lots l ON l.tenant_id = d.tenant_id AND l.expires_at <= now()
  JOIN saas.tenant_credit_ledger g ON g.tenant_id = l.tenant_id AND g.id = l.grant_id
 ORDER BY g.tenant_id, g.entry
