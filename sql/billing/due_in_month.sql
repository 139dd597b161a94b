-- Subscriptions of tenants after $3 (in order of id, $4 at most; only $5 if given) whose unbilled
-- period begins from $1 up to before $2, with the period that its usage is counted under.
SELECT s.tenant_id, s.id,
       saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, s.current_period_start)
  FROM saas.tenant_subscriptions s
  JOIN saas.plans p ON p.id = s.plan_id
  JOIN saas.tenants t ON t.id = s.tenant_id
 WHERE s.settled_at IS NULL AND s.paused_on IS DISTINCT FROM s.current_period_start AND s.current_period_start >= $1 AND s.current_period_start < $2
   AND ($5 IS NULL OR s.tenant_id = $5) AND ($3 IS NULL OR s.tenant_id > $3)
 ORDER BY s.tenant_id
 FETCH FIRST $4 ROWS WITH TIES
