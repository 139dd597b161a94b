-- What usage costs beyond the plans: one code path for fees and for previews of them. Continues asked (tenant_id,
-- plan_id, period, rates: whether usage is rated with it) and used (tenant_id, feature_key, period, units).
, rated AS (
  SELECT a.tenant_id, a.period, pf.feature_key, usage.beyond AS units, pf.included_units,
         CASE
           WHEN pf.price_model IS NULL THEN pf.overage_price
           WHEN usage.beyond = 0 THEN 0
           ELSE fee.amount / usage.beyond::numeric
         END AS unit_price, pf.price_model, fee.amount AS total_amount
    FROM asked a
    JOIN saas.tenants t ON t.id = a.tenant_id
    LEFT JOIN saas.plans p ON p.id = a.plan_id
   -- OFFSET 0, for the planner to see that each has some, and not to take the features of a batch for a single one.
   CROSS JOIN LATERAL (
     SELECT o.feature_key, o.included_units, o.overage_price, o.price_model
       FROM saas.plan_features o
      WHERE o.plan_id = p.id AND o.currency IS NOT DISTINCT FROM nullif(t.currency, p.currency)
        AND (o.overage_price IS NOT NULL OR o.price_model IS NOT NULL)
     OFFSET 0
   ) pf
    LEFT JOIN used u ON u.tenant_id = a.tenant_id AND u.feature_key = pf.feature_key AND u.period = a.period
   CROSS JOIN LATERAL (
     SELECT greatest(coalesce(u.units, 0) - pf.included_units, 0) AS beyond
   ) usage
   CROSS JOIN LATERAL (
     SELECT saas.usage_price(pf.included_units, pf.overage_price, pf.price_model, coalesce(u.units, 0)) AS amount
   ) fee
   WHERE a.rates
     AND (usage.beyond > 0 OR fee.amount > 0)
)
