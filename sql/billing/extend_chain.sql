-- Continues store_invoices.sql: the periods are closed, each after the one before.
, periods AS (
  INSERT INTO saas.billed_periods (tenant_id, subscription_id, period_start, period_end, previous_end, plan_id, seats,
                                   period, invoice_id)
  SELECT d.tenant_id, d.subscription_id, d.period_start, d.period_end,
         CASE WHEN EXISTS (SELECT FROM saas.billed_periods b
                            WHERE b.tenant_id = d.tenant_id AND b.subscription_id = d.subscription_id)
              THEN d.period_start END,
         d.plan_id, d.seats, d.period, d.invoice_id
    FROM due d
   WHERE d.subscription_id IS NOT NULL
)
SELECT tenant_id, id FROM invoices
