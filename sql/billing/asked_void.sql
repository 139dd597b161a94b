-- The invoice $2 of tenant $1 once more, after it was voided. Continued by sources_void.sql.
WITH asked AS (
  SELECT i.tenant_id, i.subscription_id, coalesce(b.plan_id, x.plan_id, terms.plan_id) AS plan_id, coalesce(b.seats, terms.seats) AS seats,
         i.billing_reason AS kind, i.period, i.period_start, i.period_end, x.change_id, x.add_on_id
    FROM saas.payment_invoices i
    LEFT JOIN saas.billed_periods b ON b.tenant_id = i.tenant_id AND b.invoice_id = i.id
    LEFT JOIN saas.charged_changes x ON x.tenant_id = i.tenant_id AND x.invoice_id = i.id
    LEFT JOIN LATERAL saas.subscription_terms(i.tenant_id, i.subscription_id, i.period_start) terms ON i.billing_reason IN ('advance', 'change')
   WHERE i.tenant_id = $1 AND i.id = $2
)
