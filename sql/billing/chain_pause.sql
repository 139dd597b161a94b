-- The pause of contract $2 of tenant $1, over at $3, in the chain of its periods.
INSERT INTO saas.billed_periods (tenant_id, subscription_id, period_start, period_end, previous_end, kind, plan_id, seats, period)
SELECT s.tenant_id, s.id, s.paused_on, ($3 AT TIME ZONE t.time_zone)::date,
       CASE WHEN EXISTS (SELECT FROM saas.billed_periods b WHERE b.tenant_id = s.tenant_id AND b.subscription_id = s.id) THEN s.paused_on END,
       'paused', s.plan_id, s.subscription_seat,
       saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, s.paused_on)
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
 WHERE s.tenant_id = $1 AND s.id = $2 AND s.paused_on < ($3 AT TIME ZONE t.time_zone)::date
