-- The live contract of tenant $1 beside plan $2 with $3 seats from $4 on: its id and terms, whether the new ones are worth less for
-- the same time, whether they make another contract, whether nothing is due for the day yet, when the fee's own period ends, whether
-- other terms wait, and why it can't change then.
SELECT s.id, s.plan_id, s.subscription_seat,
       (new_price.base_price + new_price.seat_price * greatest($3 - n.included_seats, 0))::numeric / CASE n.billing_interval WHEN 'yearly' THEN 12 ELSE 1 END
       < (old_price.base_price + old_price.seat_price * greatest(s.subscription_seat - p.included_seats, 0))::numeric
         / CASE p.billing_interval WHEN 'yearly' THEN 12 ELSE 1 END,
       (n.billing_interval, n.billing_cycle) <> (p.billing_interval, p.billing_cycle),
       coalesce(on_day.day < (s.trial_end AT TIME ZONE t.time_zone)::date, false),
       saas.fee_period_end(s.tenant_id, s.plan_id, $4),
       s.scheduled_for IS NOT NULL,
       CASE
         WHEN s.anchor > $4 THEN 'the contract begins later than that'
         WHEN on_day.day < s.current_period_start THEN 'the period that contains that day is billed already'
         WHEN s.cancel_at IS NOT NULL THEN 'the contract is about to end: call saas.resume_subscription first'
         WHEN EXISTS (SELECT FROM saas.subscription_changes c
                       WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.id AND c.day > on_day.day)
           THEN 'the contract has been changed for a later day'
       END
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
  JOIN saas.plans n ON n.id = $2
  LEFT JOIN LATERAL saas.plan_price(p.id, t.currency) old_price ON true
  LEFT JOIN LATERAL saas.plan_price(n.id, t.currency) new_price ON true
 CROSS JOIN LATERAL (SELECT ($4 AT TIME ZONE t.time_zone)::date AS day) on_day
 WHERE s.tenant_id = $1 AND s.status NOT IN ('canceled', 'paused')
