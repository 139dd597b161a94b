-- Continues rate.sql: stores what usage of periods that are closed costs, which their invoices charge.
, fees_due AS (
  INSERT INTO saas.usage_fees (tenant_id, period, feature_key, units, included_units, unit_price, price_model, total_amount, closed_at)
  SELECT tenant_id, period, feature_key, units, included_units, unit_price, price_model, total_amount, now() FROM rated
  RETURNING tenant_id, period, id, feature_key, included_units, units, unit_price, price_model, total_amount
)
