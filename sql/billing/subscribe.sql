-- Tenant $1's subscription $2 to plan $3 with $4 seats from $5, with a trial of $6 or until $7; $8: with the plan's own, which is
-- for the tenant's first contract; $9: it goes on from one that is behind.
INSERT INTO saas.tenant_subscriptions (tenant_id, id, plan_id, status, anchor, current_period_start, current_period_end,
                                       subscription_seat, trial_end)
SELECT t.id, $2, p.id, CASE WHEN trial.until > $5 THEN 'trialing' WHEN $9 OR saas.is_behind(t.id, now()) THEN 'past_due' ELSE 'active' END, $5, first.day,
       CASE p.billing_cycle
         WHEN 'calendar' THEN (date_trunc('month', first.day) + interval '1 month')::date
         ELSE upper(saas.billing_days(first.day, '1 month', first.day))
       END, $4, CASE WHEN trial.until > $5 THEN trial.until END
  FROM saas.tenants t
  JOIN saas.plans p ON p.id = $3
 CROSS JOIN LATERAL (SELECT ($5 AT TIME ZONE t.time_zone)::date AS day) first
 -- Days of the tenant's calendar, whatever the session's time zone is.
 CROSS JOIN LATERAL (
   SELECT CASE
            WHEN NOT $8 THEN coalesce(($5 AT TIME ZONE t.time_zone + $6) AT TIME ZONE t.time_zone, $7)
            WHEN NOT EXISTS (SELECT FROM saas.tenant_subscriptions o WHERE o.tenant_id = t.id)
              THEN ($5 AT TIME ZONE t.time_zone + make_interval(days => p.trial_days)) AT TIME ZONE t.time_zone
          END AS until
 ) trial
 WHERE t.id = $1
ON CONFLICT (tenant_id) WHERE status <> 'canceled' DO NOTHING
