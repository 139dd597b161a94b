-- Ends the contract of tenant $1 at $2; the day is billed (trg_end_contract). What was billed stays billed, and what has been changed since then stays changed.
UPDATE saas.tenant_subscriptions s
   SET status = 'canceled', ended_at = $2, cancel_at = NULL, scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
  FROM saas.tenants t
 WHERE s.tenant_id = $1 AND s.status <> 'canceled' AND t.id = s.tenant_id AND s.anchor <= $2
   AND ($2 AT TIME ZONE t.time_zone)::date >= s.current_period_start
   AND NOT EXISTS (SELECT FROM saas.subscription_changes c
                    WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.id AND c.day > ($2 AT TIME ZONE t.time_zone)::date)
RETURNING s.id
