-- Ends the contract of tenant $1 with the period that its fee covers at $2, or with its trial. Terms that wait have no day left.
UPDATE saas.tenant_subscriptions s
   SET cancel_at = CASE WHEN s.trial_end > $2 THEN s.trial_end ELSE saas.fee_period_end(s.tenant_id, s.plan_id, $2) END,
       scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
  FROM saas.tenants t
 WHERE s.tenant_id = $1 AND s.status NOT IN ('canceled', 'paused') AND t.id = s.tenant_id AND s.anchor <= $2
   AND ($2 AT TIME ZONE t.time_zone)::date >= s.current_period_start
   AND NOT EXISTS (SELECT FROM saas.subscription_changes c
                    WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.id AND c.day > ($2 AT TIME ZONE t.time_zone)::date)
RETURNING s.id
