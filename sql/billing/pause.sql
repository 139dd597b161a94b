-- Pauses the contract of tenant $1 from the day of $2 on. The trigger on the status cuts the running period.
UPDATE saas.tenant_subscriptions s SET status = 'paused', paused_on = ($2 AT TIME ZONE t.time_zone)::date
  FROM saas.tenants t
 WHERE s.tenant_id = $1 AND s.status NOT IN ('canceled', 'paused') AND t.id = s.tenant_id AND s.anchor <= $2
   AND ($2 AT TIME ZONE t.time_zone)::date >= s.current_period_start
   AND NOT EXISTS (SELECT FROM saas.subscription_changes c
                    WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.id AND c.day > ($2 AT TIME ZONE t.time_zone)::date)
RETURNING s.id
