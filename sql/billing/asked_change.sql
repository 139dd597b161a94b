-- An invoice for what has just been changed, the terms of contract $2 of tenant $1 or an add-on of it by the row $3, if days that it changes are
-- charged already. Continued by sources.sql.
WITH asked AS (
  SELECT s.tenant_id, s.id AS subscription_id, s.plan_id, s.subscription_seat AS seats, 'change' AS kind,
         saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, c.day) AS period,
         c.day AS period_start, charged.until AS period_end, NULL::timestamptz AS charges_until, c.change_id, c.add_on_id
    FROM saas.tenant_subscriptions s
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans p ON p.id = s.plan_id
   CROSS JOIN LATERAL (
     SELECT x.id AS change_id, NULL::uuid AS add_on_id, x.day FROM saas.subscription_changes x WHERE x.tenant_id = s.tenant_id AND x.id = $3 AND x.prorated
     UNION ALL
     SELECT NULL, a.id, a.day FROM saas.subscription_add_ons a WHERE a.tenant_id = s.tenant_id AND a.id = $3 AND a.at_once
   ) c
   CROSS JOIN LATERAL (
     SELECT max(f.fee_end) AS until FROM saas.advance_fees f WHERE f.tenant_id = s.tenant_id AND f.subscription_id = s.id
   ) charged
   WHERE s.tenant_id = $1 AND s.id = $2 AND charged.until > c.day
)
