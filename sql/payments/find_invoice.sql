-- The tenant's invoice that is linked to the provider's, a valid one first; else the one with id $4.
SELECT id, status, total_amount - credited_amount, currency, subscription_id, provider_invoice_id
  FROM saas.payment_invoices
 WHERE tenant_id = $1
   AND ((provider = $2 AND provider_invoice_id = $3) OR id = $4)
 ORDER BY (provider = $2 AND provider_invoice_id = $3) IS TRUE DESC, status = 'void', created_at DESC
 LIMIT 1
   FOR NO KEY UPDATE
