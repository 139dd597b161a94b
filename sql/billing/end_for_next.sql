-- Contracts of tenants $1 that end because terms with another interval or cycle have come due by $2: the tenant, plan,
-- seats and beginning of the one that follows, until when a trial goes on in it, and whether it is behind. The day is the next one's.
UPDATE saas.tenant_subscriptions s
   SET status = 'canceled', ended_at = d.at, ended_on = d.scheduled_for, scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
  FROM (
    SELECT s.tenant_id, s.id, s.status = 'past_due' AS is_behind, s.scheduled_plan_id, s.scheduled_seats, s.scheduled_for,
           s.scheduled_for::timestamp AT TIME ZONE t.time_zone AS at,
           saas.trial_after_change(s.tenant_id, s.id, s.scheduled_plan_id, s.scheduled_seats, s.scheduled_for::timestamp AT TIME ZONE t.time_zone) AS trial_end
      FROM saas.tenant_subscriptions s
      JOIN saas.tenants t ON t.id = s.tenant_id
     WHERE s.tenant_id = ANY ($1::uuid[]) AND s.status NOT IN ('canceled', 'paused')
       AND s.scheduled_for <= ($2 AT TIME ZONE t.time_zone)::date
  ) d
 WHERE s.tenant_id = d.tenant_id AND s.id = d.id
RETURNING d.tenant_id, d.scheduled_plan_id, d.scheduled_seats, d.at, d.trial_end, d.is_behind
