-- An invoice for what contract $2 of tenant $1 has said last of an add-on, if the days that it is about are charged already. Continued by
-- sources.sql.
WITH asked AS (
  SELECT a.tenant_id, a.subscription_id, s.plan_id, s.subscription_seat AS seats, 'change' AS kind,
         saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, a.day) AS period,
         a.day AS period_start, charged.until AS period_end, NULL::timestamptz AS charges_until, NULL::uuid AS change_id, a.id AS add_on_id
    FROM saas.tenant_subscriptions s
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans p ON p.id = s.plan_id
   CROSS JOIN LATERAL (
     SELECT a.* FROM saas.subscription_add_ons a
      WHERE a.tenant_id = s.tenant_id AND a.subscription_id = s.id ORDER BY a.number DESC LIMIT 1
   ) a
   CROSS JOIN LATERAL (
     SELECT max(f.fee_end) AS until FROM saas.advance_fees f WHERE f.tenant_id = s.tenant_id AND f.subscription_id = s.id
   ) charged
   WHERE s.tenant_id = $1 AND s.id = $2 AND a.at_once AND charged.until > a.day
)
