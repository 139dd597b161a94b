-- Continues store_invoices.sql: what invoice $2 of tenant $1 billed names the new one.
, periods AS (
  UPDATE saas.billed_periods b SET invoice_id = d.invoice_id
    FROM due d WHERE b.tenant_id = $1 AND b.invoice_id = $2 AND b.subscription_id = d.subscription_id
), fees_charged AS (
  UPDATE saas.advance_fees f SET invoice_id = d.invoice_id FROM due d WHERE f.tenant_id = $1 AND f.invoice_id = $2
), changes_charged AS (
  UPDATE saas.charged_changes x SET invoice_id = i.id FROM invoices i WHERE x.tenant_id = $1 AND x.invoice_id = $2
)
SELECT tenant_id, id FROM invoices
