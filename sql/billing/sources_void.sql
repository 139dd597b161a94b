-- What the voided invoice was made of: its usage and its late usage as they were priced, and the credits $3.
-- What has come late since then waits for the next invoice. Continued by invoice_lines.sql.
, fees_due AS (
  SELECT f.tenant_id, d.period, f.id, f.feature_key, f.included_units, f.units, f.unit_price, f.price_model, f.total_amount
    FROM asked d
    JOIN saas.usage_fees f ON f.tenant_id = d.tenant_id
     AND f.id IN (SELECT l.source_id FROM saas.payment_invoice_lines l WHERE l.tenant_id = $1 AND l.invoice_id = $2 AND l.kind = 'usage')
), late_units AS (
  SELECT a.tenant_id, a.id, a.feature_key, a.period, a.units, a.created_at, a.amount
    FROM saas.usage_adjustments a WHERE a.tenant_id = $1 AND a.invoice_id = $2
), credits AS (
  SELECT $1::uuid AS tenant_id, $3::bigint AS amount
), earlier AS NOT MATERIALIZED (
  SELECT * FROM saas.billed_amounts()
), advance AS (
  SELECT f.tenant_id, f.subscription_id, f.fee_start, f.fee_end FROM saas.advance_fees f WHERE f.tenant_id = $1 AND f.invoice_id = $2
), paid_ahead AS NOT MATERIALIZED (
  SELECT * FROM saas.paid_ahead()
), redeemed AS (
  -- Those that the void invoice had, also when they were removed since.
  SELECT DISTINCT l.tenant_id, l.source_id AS id, CASE d.kind WHEN 'change' THEN -1 ELSE 0 END AS taken
    FROM asked d JOIN saas.payment_invoice_lines l ON l.tenant_id = d.tenant_id AND l.invoice_id = $2 AND l.kind = 'discount'
)
