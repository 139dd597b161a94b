-- Invoices for the current periods of subscriptions $2 of tenants $1, one of a tenant, and the usage that they rate. Continued by
-- rate.sql, store_fees.sql and sources.sql.
-- The planner has to see how many these are. He multiplies the odds of two ids, and takes a thousand rows for one: so the second
-- id is asked by CASE, which he can't estimate. Nothing is joined but from the left after that: each subscription has its terms.
WITH asked AS (
  SELECT s.tenant_id, s.id AS subscription_id, terms.plan_id, terms.seats, 'period' AS kind, counted.period,
         s.current_period_start AS period_start, s.current_period_end AS period_end,
         -- In advance the fee is charged that begins when the period is over.
         CASE p.bill_in WHEN 'advance' THEN s.current_period_end::timestamp AT TIME ZONE t.time_zone END AS charges_until, NULL::uuid AS change_id, NULL::uuid AS add_on_id,
         NOT EXISTS (SELECT FROM saas.billed_periods b
                      WHERE b.tenant_id = s.tenant_id AND b.period = counted.period AND b.kind = 'billed') AS rates
    FROM unnest($1::uuid[], $2::uuid[]) AS d (tenant_id, id)
    JOIN saas.tenant_subscriptions s ON s.tenant_id = d.tenant_id AND CASE WHEN s.id = d.id THEN true END
    JOIN saas.tenants t ON t.id = s.tenant_id
    LEFT JOIN LATERAL saas.subscription_terms(s.tenant_id, s.id, least(s.current_period_end, s.ended_on) - 1) terms ON true
    LEFT JOIN saas.plans p ON p.id = terms.plan_id
   CROSS JOIN LATERAL (
     SELECT saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, s.current_period_start) AS period
   ) counted
), used AS NOT MATERIALIZED (
  SELECT tenant_id, feature_key, period, units_used AS units FROM saas.usage_summaries
)
