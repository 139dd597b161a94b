-- An invoice for the last change of contract $2 of tenant $1, if days that it changes are charged already. Continued by sources.sql.
WITH asked AS (
  SELECT c.tenant_id, c.subscription_id, c.to_plan_id AS plan_id, c.to_seats AS seats, 'change' AS kind,
         saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, c.day) AS period,
         c.day AS period_start, charged.until AS period_end, NULL::timestamptz AS charges_until, c.id AS change_id, NULL::uuid AS add_on_id
    FROM saas.tenant_subscriptions s
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans p ON p.id = s.plan_id
   CROSS JOIN LATERAL (
     SELECT c.* FROM saas.subscription_changes c
      WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.id ORDER BY c.number DESC LIMIT 1
   ) c
   CROSS JOIN LATERAL (
     SELECT max(f.fee_end) AS until FROM saas.advance_fees f WHERE f.tenant_id = s.tenant_id AND f.subscription_id = s.id
   ) charged
   WHERE s.tenant_id = $1 AND s.id = $2 AND c.prorated AND charged.until > c.day
)
