-- Plan $3 and $4 seats for contract $2 of tenant $1 from the day of $5, charged for by days if $6; a trial that runs ends at $7. What
-- waited does not any more. Returns the change's id.
WITH noted AS (
  INSERT INTO saas.subscription_changes (tenant_id, subscription_id, number, day, prorated, from_plan_id, from_seats, to_plan_id, to_seats)
  SELECT s.tenant_id, s.id,
         coalesce((SELECT max(c.number) FROM saas.subscription_changes c WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.id), 0) + 1,
         ($5 AT TIME ZONE t.time_zone)::date, $6, s.plan_id, s.subscription_seat, $3, $4
    FROM saas.tenant_subscriptions s
    JOIN saas.tenants t ON t.id = s.tenant_id
   WHERE s.tenant_id = $1 AND s.id = $2
  RETURNING id
)
UPDATE saas.tenant_subscriptions s
   SET plan_id = $3, subscription_seat = $4, scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL,
       trial_end = CASE WHEN s.trial_end > $5 THEN $7 ELSE s.trial_end END,
       status = CASE WHEN s.status = 'trialing' AND s.trial_end > $5 AND $7 <= $5
                       THEN CASE WHEN s.provider IS NULL AND saas.is_behind(s.tenant_id, now()) THEN 'past_due' ELSE 'active' END
                     ELSE s.status END
 WHERE s.tenant_id = $1 AND s.id = $2
RETURNING (SELECT n.id FROM noted n)
