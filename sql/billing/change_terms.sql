-- The live contract of tenant $1 beside plan $2 with $3 seats from $4 on: its id and terms, whether the new ones are worth less for
-- the same time or leave a year, which is sold as a whole, whether they make another contract, whether nothing is due for the day yet
-- under them, when the fee's own period ends, whether other terms wait, why it can't change then, until when a trial goes on, and whether the time is paid in advance.
SELECT s.id, s.plan_id, s.subscription_seat,
       saas.monthly_value(n.id, $3, t.currency) < saas.monthly_value(p.id, s.subscription_seat, t.currency)
       OR (p.billing_interval, n.billing_interval) = ('yearly', 'monthly'),
       (n.billing_interval, n.billing_cycle, n.bill_in) <> (p.billing_interval, p.billing_cycle, p.bill_in),
       coalesce(on_day.day < (trial.until AT TIME ZONE t.time_zone)::date, false),
       saas.fee_period_end(s.tenant_id, s.plan_id, $4),
       s.scheduled_for IS NOT NULL,
       CASE
         WHEN s.anchor > $4 THEN 'the contract begins later than that'
         WHEN on_day.day < s.current_period_start THEN 'the period that contains that day is billed already'
         WHEN s.cancel_at IS NOT NULL THEN 'the contract is about to end: call saas.resume_subscription first'
         WHEN EXISTS (SELECT FROM saas.subscription_changes c
                       WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.id AND c.day > on_day.day)
           THEN 'the contract has been changed for a later day'
       END, trial.until,
       p.bill_in = 'advance' AND NOT coalesce(s.trial_end > $4, false)
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
  JOIN saas.plans n ON n.id = $2
  LEFT JOIN LATERAL saas.trial_after_change(s.tenant_id, s.id, n.id, $3, $4) trial (until) ON true
 CROSS JOIN LATERAL (SELECT ($4 AT TIME ZONE t.time_zone)::date AS day) on_day
 WHERE s.tenant_id = $1 AND s.status NOT IN ('canceled', 'paused')
