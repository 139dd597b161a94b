-- How many subscriptions have a period to close that begins before $1 and has ended by $2.
SELECT count(*)
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
 WHERE s.settled_at IS NULL AND s.paused_on IS DISTINCT FROM s.current_period_start AND s.current_period_start < $1
   AND s.current_period_end <= ($2 AT TIME ZONE t.time_zone)::date
