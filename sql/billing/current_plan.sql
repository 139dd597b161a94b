-- The plan with key $2 that tenant $1 may take now, its seats, and whether it and all that it meters for
-- money have a price in the currency $3.
SELECT p.id, p.member_seat,
       p.currency = $3
       OR EXISTS (SELECT FROM saas.plan_prices pp WHERE pp.plan_id = p.id AND pp.currency = $3)
          AND NOT EXISTS (
            SELECT FROM saas.plan_features f
             WHERE f.plan_id = p.id AND f.currency IS NULL AND (f.overage_price IS NOT NULL OR f.price_model IS NOT NULL)
               AND NOT EXISTS (SELECT FROM saas.plan_features g
                                WHERE g.plan_id = p.id AND g.feature_key = f.feature_key AND g.currency = $3))
  FROM saas.plans p
 WHERE p.key = $2 AND p.is_current AND p.is_active AND (p.tenant_id IS NULL OR p.tenant_id = $1)
