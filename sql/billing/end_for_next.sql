-- Contracts of tenants $1 that end because terms with another interval or cycle have come due by $2: the tenant, plan,
-- seats and beginning of the one that follows.
UPDATE saas.tenant_subscriptions s
   SET status = 'canceled', ended_at = d.at, scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
  FROM (
    SELECT s.tenant_id, s.id, s.scheduled_plan_id, s.scheduled_seats, s.scheduled_for::timestamp AT TIME ZONE t.time_zone AS at
      FROM saas.tenant_subscriptions s
      JOIN saas.tenants t ON t.id = s.tenant_id
     WHERE s.tenant_id = ANY ($1::uuid[]) AND s.status NOT IN ('canceled', 'paused')
       AND s.scheduled_for <= ($2 AT TIME ZONE t.time_zone)::date
  ) d
 WHERE s.tenant_id = d.tenant_id AND s.id = d.id
RETURNING d.tenant_id, d.scheduled_plan_id, d.scheduled_seats, d.at
