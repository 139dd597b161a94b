-- Of invoices that price no period's usage. Continues what is asked for, continued by sources.sql.
, fees_due AS (
  SELECT f.tenant_id, f.period, f.id, f.feature_key, f.included_units, f.units, f.unit_price, f.price_model, f.total_amount
    FROM saas.usage_fees f WHERE false
)
