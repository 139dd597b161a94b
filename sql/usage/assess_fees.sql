-- Continues rate.sql: stores the fees.
INSERT INTO saas.usage_fees (tenant_id, period, feature_key, units, included_units, unit_price, price_model, total_amount)
SELECT tenant_id, period, feature_key, units, included_units, unit_price, price_model, total_amount FROM rated
ON CONFLICT (tenant_id, feature_key, period) DO NOTHING
