-- The usage of periods $3 of subscriptions $2 of tenants $1, as it was rolled up. Continued by rate.sql.
WITH asked AS (
  SELECT s.tenant_id, terms.plan_id, d.period,
         NOT EXISTS (SELECT FROM saas.billed_periods b
                      WHERE b.tenant_id = s.tenant_id AND b.period = d.period AND b.kind = 'billed') AS rates
    FROM unnest($1::uuid[], $2::uuid[], $3::date[]) AS d (tenant_id, id, period)
    JOIN saas.tenant_subscriptions s ON s.tenant_id = d.tenant_id AND s.id = d.id
    JOIN saas.tenants t ON t.id = s.tenant_id
   CROSS JOIN LATERAL saas.subscription_terms(s.tenant_id, s.id, least(s.current_period_end, s.ended_on) - 1) terms
), used AS NOT MATERIALIZED (
  SELECT tenant_id, feature_key, period, units_used AS units FROM saas.usage_summaries
)
