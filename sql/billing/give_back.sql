-- The credits that invoice $2 of tenant $1 used are given back, grant by grant, with the priority and expiry that each
-- had. One that has expired meanwhile lives as long again as it had left when it was used.
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, priority, expires_at, invoice_id)
SELECT g.tenant_id, a.amount, 'Given back, invoice voided: ' || $3, g.source, g.priority,
       CASE WHEN g.expires_at <= now() THEN now() + (g.expires_at - used.created_at) ELSE g.expires_at END, $2
  FROM saas.tenant_credit_ledger used
  JOIN saas.credit_allocations a ON a.tenant_id = used.tenant_id AND a.entry_id = used.id
  JOIN saas.tenant_credit_ledger g ON g.tenant_id = a.tenant_id AND g.id = a.grant_id
 WHERE used.tenant_id = $1 AND used.invoice_id = $2 AND used.delta < 0 AND used.grant_id IS NULL
 ORDER BY g.entry
