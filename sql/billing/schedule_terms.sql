-- Plan $3 and $4 seats wait for contract $2 of tenant $1 until $5.
UPDATE saas.tenant_subscriptions s
   SET scheduled_for = ($5 AT TIME ZONE t.time_zone)::date, scheduled_plan_id = $3, scheduled_seats = $4
  FROM saas.tenants t
 WHERE s.tenant_id = $1 AND s.id = $2 AND t.id = s.tenant_id
