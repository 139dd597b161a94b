-- The credits that invoice $2 of tenant $1 gave are taken back, from the grant that they made.
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, grant_id, invoice_id)
SELECT g.tenant_id, -g.delta, 'Invoice voided: ' || $3, 'billing', g.id, g.invoice_id
  FROM saas.tenant_credit_ledger g
 WHERE g.tenant_id = $1 AND g.invoice_id = $2 AND g.delta > 0
