-- The invoice of the closed period of tenant $1 that contains the day $2; with calendar billing, the
-- month. Of two subscriptions the one that was live on the day.
SELECT b.invoice_id, i.status, b.period_start <= $2 AND $2 < b.period_end, b.period_start
  FROM saas.billed_periods b
  JOIN saas.plans p ON p.id = b.plan_id
  JOIN saas.payment_invoices i ON i.tenant_id = b.tenant_id AND i.id = b.invoice_id
 WHERE b.tenant_id = $1
   AND (b.period_start <= $2 AND $2 < b.period_end
        OR p.billing_cycle = 'calendar' AND b.period = date_trunc('month', $2)::date)
 ORDER BY b.period_start <= $2 AND $2 < b.period_end DESC, b.period_start DESC, b.subscription_id DESC LIMIT 1
