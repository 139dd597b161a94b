-- Contract $2 of tenant $1 goes on from the day of $3, in the period that holds it. A pause settles no debt; terms that came due in it apply
-- from that day on.
UPDATE saas.tenant_subscriptions s
   SET status = CASE WHEN saas.is_behind(s.tenant_id, now()) THEN 'past_due' ELSE 'active' END, paused_on = NULL,
       scheduled_for = greatest(s.scheduled_for, CASE WHEN s.scheduled_for IS NOT NULL THEN on_day.day END),
       current_period_start = CASE WHEN s.paused_on IS NULL THEN s.current_period_start ELSE on_day.day END,
       current_period_end = CASE
         WHEN s.paused_on IS NULL THEN s.current_period_end
         WHEN p.billing_cycle = 'calendar' THEN (date_trunc('month', on_day.day) + interval '1 month')::date
         ELSE upper(saas.billing_days((s.anchor AT TIME ZONE t.time_zone)::date, '1 month', on_day.day))
       END
  FROM saas.tenants t, saas.plans p, LATERAL (SELECT ($3 AT TIME ZONE t.time_zone)::date AS day) on_day
 WHERE s.tenant_id = $1 AND s.id = $2 AND t.id = s.tenant_id AND p.id = s.plan_id
