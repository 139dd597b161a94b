-- The next subscriptions to close: their period begins before $1 and has ended by $2; $3 at most; not
-- those parked since $4; only of tenant $5 if given. Continued by how to lock: their tenants, then them, so that two closers
-- work beside each other and nobody spends a tenant's credits meanwhile.
SELECT s.tenant_id, s.id,
       saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, s.current_period_start)
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
 WHERE s.settled_at IS NULL AND s.paused_on IS DISTINCT FROM s.current_period_start AND s.current_period_start < $1
   AND s.current_period_end <= ($2 AT TIME ZONE t.time_zone)::date
   AND ($5 IS NULL OR s.tenant_id = $5)
   AND NOT EXISTS (
     SELECT FROM saas.close_parked k
      WHERE k.tenant_id = s.tenant_id AND k.subscription_id = s.id AND k.parked_at >= $4)
   -- Of a tenant's two, one at a time: by month, and in a month the one that lasts, which rates the usage.
   AND NOT EXISTS (
     SELECT FROM saas.tenant_subscriptions o
      WHERE o.tenant_id = s.tenant_id AND o.settled_at IS NULL AND o.paused_on IS DISTINCT FROM o.current_period_start
        AND o.current_period_end <= ($2 AT TIME ZONE t.time_zone)::date
        AND (date_trunc('month', o.current_period_start), s.current_period_start, s.id)
          < (date_trunc('month', s.current_period_start), o.current_period_start, o.id))
 -- In the order of an index, so that a batch looks at its own rows only, however many are due.
 ORDER BY s.current_period_start, s.tenant_id
 LIMIT $3
