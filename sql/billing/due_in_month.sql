-- Subscriptions of tenants after $3 (in order of id, $4 at most; only $5 if given) whose unbilled
-- period begins from $1 up to before $2, with the period that its usage is counted under.
SELECT s.tenant_id, s.id,
       CASE p.billing_cycle WHEN 'calendar' THEN date_trunc('month', s.current_period_start)::date
                            ELSE s.current_period_start END
  FROM saas.tenant_subscriptions s
  JOIN saas.plans p ON p.id = s.plan_id
 WHERE s.settled_at IS NULL AND s.current_period_start >= $1 AND s.current_period_start < $2
   AND ($5 IS NULL OR s.tenant_id = $5) AND ($3 IS NULL OR s.tenant_id > $3)
 ORDER BY s.tenant_id
 FETCH FIRST $4 ROWS WITH TIES
