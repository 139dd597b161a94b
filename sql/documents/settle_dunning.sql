-- Invoices of tenants $2 that are no longer waited for need no reminders any more.
UPDATE saas.dunning d SET status = 'settled', settled_at = $1
  FROM saas.payment_invoices i
 WHERE d.tenant_id = ANY ($2::uuid[]) AND d.status <> 'settled' AND i.tenant_id = d.tenant_id AND i.id = d.invoice_id AND i.status NOT IN ('open', 'failed')
RETURNING d.invoice_id
