-- The contract of tenant $1 ends with it. A year is sold as a whole: unless the platform ends it ($2), it is billed at its end.
UPDATE saas.tenant_subscriptions s
   SET status = 'canceled', ended_at = now(),
       ended_on = CASE WHEN NOT $2 AND p.billing_interval = 'yearly' AND coalesce(s.trial_end <= now(), true) AND s.anchor <= now()
                         THEN (saas.fee_period_end(s.tenant_id, s.plan_id, now()) AT TIME ZONE t.time_zone)::date END
  FROM saas.plans p, saas.tenants t
 WHERE s.tenant_id = $1 AND s.status <> 'canceled' AND p.id = s.plan_id AND t.id = s.tenant_id
