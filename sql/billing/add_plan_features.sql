-- What plan $1 includes: of the terms $2.
INSERT INTO saas.plan_features (plan_id, feature_key, currency, included_units, overage_price, price_model, aggregation)
SELECT $1, f.feature_key, f.currency, f.included_units, f.overage_price, f.price_model, f.aggregation
  FROM jsonb_to_recordset($2::text::jsonb -> 'features') AS f (feature_key text, currency text, included_units bigint,
                                                               overage_price numeric, price_model jsonb, aggregation text)
