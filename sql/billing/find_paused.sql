-- The paused contract of tenant $1, with what the usage of its last period is counted under, whether that period is still open, whether
-- the pause begins after $2, and whether $2 is a day to come.
SELECT s.id, saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, s.current_period_start),
       coalesce(s.current_period_start < s.paused_on, false), coalesce(($2 AT TIME ZONE t.time_zone)::date < s.paused_on, false),
       ($2 AT TIME ZONE t.time_zone)::date > (now() AT TIME ZONE t.time_zone)::date
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
 WHERE s.tenant_id = $1 AND s.status = 'paused'
   FOR NO KEY UPDATE OF s
