-- Contract $2 of tenant $1 ends at $3 because another one follows, which has the day.
UPDATE saas.tenant_subscriptions s
   SET status = 'canceled', ended_at = $3, ended_on = greatest(($3 AT TIME ZONE t.time_zone)::date, (s.anchor AT TIME ZONE t.time_zone)::date),
       scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
  FROM saas.tenants t
 WHERE s.tenant_id = $1 AND s.id = $2 AND t.id = s.tenant_id
