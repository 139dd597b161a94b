-- The current version of plan $1, and whether its terms are those of $2, a JSON object as saas.define_plan makes it.
SELECT p.id, t.terms = $2::text::jsonb
  FROM saas.plans p
 CROSS JOIN LATERAL (
   SELECT jsonb_build_object(
            'base_price', p.base_price, 'seat_price', p.seat_price, 'included_seats', p.included_seats, 'currency', p.currency,
            'billing_interval', p.billing_interval, 'billing_cycle', p.billing_cycle, 'bill_in', p.bill_in,
            'setup_fee', p.setup_fee, 'minimum_amount', p.minimum_amount, 'is_custom', p.is_custom, 'tenant_id', p.tenant_id,
            'prices', coalesce((
              SELECT jsonb_agg(jsonb_build_object('currency', x.currency, 'base_price', x.base_price, 'seat_price', x.seat_price,
                                                  'setup_fee', x.setup_fee, 'minimum_amount', x.minimum_amount)
                               ORDER BY x.currency COLLATE "C")
                FROM saas.plan_prices x WHERE x.plan_id = p.id), '[]'),
            'features', coalesce((
              SELECT jsonb_agg(jsonb_build_object('feature_key', f.feature_key, 'currency', f.currency,
                                                  'included_units', f.included_units,
                                                  'overage_price', trim_scale(f.overage_price)::text,
                                                  'price_model', f.price_model, 'aggregation', f.aggregation)
                               ORDER BY f.feature_key COLLATE "C", f.currency COLLATE "C" NULLS FIRST)
                FROM saas.plan_features f WHERE f.plan_id = p.id), '[]'),
            'add_ons', coalesce((
              SELECT jsonb_agg(jsonb_build_object('key', a.key, 'name', a.name, 'currency', a.currency, 'price', a.price, 'most', a.most_quantity)
                               ORDER BY a.key COLLATE "C", a.currency COLLATE "C" NULLS FIRST)
                FROM saas.plan_add_ons a WHERE a.plan_id = p.id), '[]')) AS terms
 ) t
 WHERE p.key = $1 AND p.is_current
