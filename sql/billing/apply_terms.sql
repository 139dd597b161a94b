-- Terms of tenants $1 that wait for a day that has come by $2, in the same contract; not of one that ends by then.
WITH due AS (
  SELECT s.tenant_id, s.id, s.scheduled_for, s.plan_id, s.subscription_seat, s.scheduled_plan_id, s.scheduled_seats,
         coalesce(saas.trial_after_change(s.tenant_id, s.id, s.scheduled_plan_id, s.scheduled_seats, s.scheduled_for::timestamp AT TIME ZONE t.time_zone),
                  s.trial_end) AS trial_end
    FROM saas.tenant_subscriptions s
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans p ON p.id = s.plan_id
    JOIN saas.plans n ON n.id = s.scheduled_plan_id
   WHERE s.tenant_id = ANY ($1::uuid[]) AND s.status NOT IN ('canceled', 'paused')
     AND s.scheduled_for <= ($2 AT TIME ZONE t.time_zone)::date
     AND NOT coalesce(s.cancel_at <= s.scheduled_for::timestamp AT TIME ZONE t.time_zone, false)
     AND (n.billing_interval, n.billing_cycle, n.bill_in) = (p.billing_interval, p.billing_cycle, p.bill_in)
), noted AS (
  INSERT INTO saas.subscription_changes (tenant_id, subscription_id, number, day, prorated, from_plan_id, from_seats, to_plan_id, to_seats)
  SELECT d.tenant_id, d.id,
         coalesce((SELECT max(c.number) FROM saas.subscription_changes c WHERE c.tenant_id = d.tenant_id AND c.subscription_id = d.id), 0) + 1,
         d.scheduled_for, false, d.plan_id, d.subscription_seat, d.scheduled_plan_id, d.scheduled_seats
    FROM due d
   WHERE (d.plan_id, d.subscription_seat) <> (d.scheduled_plan_id, d.scheduled_seats)
)
UPDATE saas.tenant_subscriptions s
   SET plan_id = d.scheduled_plan_id, subscription_seat = d.scheduled_seats, trial_end = d.trial_end,
       status = CASE WHEN s.status = 'trialing' AND d.trial_end <= $2
                       THEN CASE WHEN s.provider IS NULL AND saas.is_behind(s.tenant_id, $2) THEN 'past_due' ELSE 'active' END
                     ELSE s.status END,
       scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
  FROM due d
 WHERE s.tenant_id = d.tenant_id AND s.id = d.id
RETURNING s.id
