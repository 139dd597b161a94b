-- What tenant $1 may use of feature $2 and has used, in the period that contains $3 or begins on $4; whether it
-- wants to be told; its spend cap, and what all usage of the period costs with $5 units more of this one.
SELECT a.aggregation IS NOT NULL, a.included, a.used, a.overage_price, a.priced, a.suspended,
       EXISTS (SELECT FROM saas.usage_alerts w WHERE w.tenant_id = $1 AND w.feature_key = $2),
       c.amount, spent.amount
  FROM saas.usage_allowance($1, $2, $3, $4) a
  LEFT JOIN saas.spend_caps c ON c.tenant_id = $1
  LEFT JOIN LATERAL (
    SELECT coalesce(sum(saas.usage_price(o.included_units, o.overage_price, o.price_model,
                                         least(coalesce(u.units, 0)::numeric + CASE o.feature_key WHEN $2 THEN $5 ELSE 0 END,
                                               9223372036854775807)::bigint)), 0) AS amount
      FROM saas.plan_features o
      LEFT JOIN saas.usage_totals u ON u.tenant_id = $1 AND u.feature_key = o.feature_key AND u.period = a.period_start
     WHERE c.amount IS NOT NULL AND o.plan_id = a.plan_id AND o.currency IS NOT DISTINCT FROM a.currency
       AND (o.overage_price IS NOT NULL OR o.price_model IS NOT NULL)
  ) spent ON c.amount IS NOT NULL
