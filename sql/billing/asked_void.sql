-- The invoice $2 of tenant $1 once more, after it was voided. Continued by sources_void.sql.
WITH asked AS (
  SELECT i.tenant_id, i.subscription_id, b.plan_id, b.seats, i.period, i.period_start, i.period_end
    FROM saas.payment_invoices i
    LEFT JOIN saas.billed_periods b ON b.tenant_id = i.tenant_id AND b.invoice_id = i.id
   WHERE i.tenant_id = $1 AND i.id = $2
)
