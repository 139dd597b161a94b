-- What the usage of each subscription's current period costs beyond its plan: tenants $1, subscriptions $2.
INSERT INTO saas.usage_fees (tenant_id, period, feature_key, units, included_units, unit_price, price_model, total_amount)
SELECT s.tenant_id, d.period, pf.feature_key, usage.beyond, pf.included_units,
       CASE
         WHEN pf.price_model IS NULL THEN pf.overage_price
         WHEN usage.beyond = 0 THEN 0
         ELSE fee.amount / usage.beyond::numeric
       END, pf.price_model, fee.amount
  FROM unnest($1::uuid[], $2::uuid[], $3::date[]) AS d (tenant_id, id, period)
  JOIN saas.tenant_subscriptions s ON s.tenant_id = d.tenant_id AND s.id = d.id
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
  JOIN saas.plan_features pf
    ON pf.plan_id = p.id AND pf.currency IS NOT DISTINCT FROM nullif(t.currency, p.currency)
  LEFT JOIN saas.usage_summaries u
    ON u.tenant_id = s.tenant_id AND u.feature_key = pf.feature_key AND u.period = d.period
 CROSS JOIN LATERAL (
   SELECT greatest(coalesce(u.units_used, 0) - pf.included_units, 0) AS beyond
 ) usage
 CROSS JOIN LATERAL (
   SELECT saas.usage_price(pf.included_units, pf.overage_price, pf.price_model, coalesce(u.units_used, 0)) AS amount
 ) fee
 WHERE (pf.overage_price IS NOT NULL OR pf.price_model IS NOT NULL)
   AND (usage.beyond > 0 OR fee.amount > 0)
   AND NOT EXISTS (SELECT FROM saas.billed_periods b WHERE b.tenant_id = s.tenant_id AND b.period = d.period)
ON CONFLICT (tenant_id, feature_key, period) DO NOTHING
