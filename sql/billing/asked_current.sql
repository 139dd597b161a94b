-- Invoices for the current periods of subscriptions $2 of tenants $1, one of a tenant. Continued by sources.sql.
WITH asked AS (
  SELECT s.tenant_id, s.id AS subscription_id, terms.plan_id, terms.seats, 'period' AS kind,
         saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, s.current_period_start) AS period,
         s.current_period_start AS period_start, s.current_period_end AS period_end,
         -- In advance the fee is charged that begins when the period is over.
         CASE p.bill_in WHEN 'advance' THEN s.current_period_end::timestamp AT TIME ZONE t.time_zone END AS charges_until, NULL::uuid AS change_id, NULL::uuid AS add_on_id
    FROM unnest($1::uuid[], $2::uuid[]) AS d (tenant_id, id)
    JOIN saas.tenant_subscriptions s ON s.tenant_id = d.tenant_id AND s.id = d.id
    JOIN saas.tenants t ON t.id = s.tenant_id
   CROSS JOIN LATERAL saas.subscription_terms(s.tenant_id, s.id, least(s.current_period_end, s.ended_on) - 1) terms
    JOIN saas.plans p ON p.id = terms.plan_id
)
