-- Continues store_invoices.sql: the period that invoice $2 of tenant $1 billed names the new one.
, periods AS (
  UPDATE saas.billed_periods b SET invoice_id = d.invoice_id
    FROM due d WHERE b.tenant_id = $1 AND b.invoice_id = $2 AND b.subscription_id = d.subscription_id
)
SELECT tenant_id, id FROM invoices
