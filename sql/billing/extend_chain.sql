-- Continues store_invoices.sql: the periods are closed and the fees charged, each after the one before; a change that is charged by itself names its invoice.
, periods AS (
  INSERT INTO saas.billed_periods (tenant_id, subscription_id, period_start, period_end, previous_end, plan_id, seats,
                                   period, invoice_id)
  SELECT d.tenant_id, d.subscription_id, d.period_start, d.period_end,
         CASE WHEN EXISTS (SELECT FROM saas.billed_periods b
                            WHERE b.tenant_id = d.tenant_id AND b.subscription_id = d.subscription_id)
              THEN d.period_start END,
         d.plan_id, d.seats, d.period, d.invoice_id
    FROM due d
   WHERE d.kind = 'period'
), fees_charged AS (
  INSERT INTO saas.advance_fees (tenant_id, subscription_id, fee_start, fee_end, previous_end, invoice_id)
  SELECT a.tenant_id, a.subscription_id, a.fee_start, a.fee_end,
         CASE WHEN lag(a.fee_end) OVER (PARTITION BY a.tenant_id, a.subscription_id ORDER BY a.fee_start) IS NOT NULL
                OR EXISTS (SELECT FROM saas.advance_fees f WHERE f.tenant_id = a.tenant_id AND f.subscription_id = a.subscription_id)
              THEN a.fee_start END, d.invoice_id
    FROM advance a JOIN due d ON d.tenant_id = a.tenant_id AND d.subscription_id = a.subscription_id
), changes_charged AS (
  INSERT INTO saas.charged_changes (tenant_id, change_id, add_on_id, plan_id, invoice_id)
  SELECT d.tenant_id, d.change_id, d.add_on_id, d.plan_id, d.invoice_id
    FROM due d JOIN invoices i ON i.tenant_id = d.tenant_id AND i.id = d.invoice_id
   WHERE d.kind = 'change'
)
SELECT tenant_id, id FROM invoices
