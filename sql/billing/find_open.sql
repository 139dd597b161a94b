-- The first period of tenant $1 to close, in the order of pick_batch.sql, that comes before, or is, the
-- one that contains the day $2, and whether it has ended by $3. Locks the tenant, then the subscription.
SELECT s.id,
       saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, s.current_period_start),
       s.current_period_end <= ($3 AT TIME ZONE t.time_zone)::date
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
 WHERE s.tenant_id = $1 AND s.settled_at IS NULL AND s.paused_on IS DISTINCT FROM s.current_period_start
   AND (s.current_period_start <= $2
        OR p.billing_cycle = 'calendar' AND date_trunc('month', s.current_period_start) = date_trunc('month', $2))
 ORDER BY s.current_period_end <= ($3 AT TIME ZONE t.time_zone)::date DESC,
          date_trunc('month', s.current_period_start), s.current_period_start DESC, s.id DESC LIMIT 1
   FOR NO KEY UPDATE OF t, s
