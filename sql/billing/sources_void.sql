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
  SELECT b.tenant_id, b.subscription_id, b.period_start, b.period_end,
         CASE p.bill_in WHEN 'advance' THEN 0 ELSE i.subscription_amount END + i.usage_amount AS amount
    FROM saas.billed_periods b
    JOIN saas.plans p ON p.id = b.plan_id
    JOIN saas.payment_invoices i ON i.tenant_id = b.tenant_id AND i.id = b.invoice_id
), advance AS (
  SELECT f.tenant_id, f.subscription_id, f.fee_start, f.fee_end FROM saas.advance_fees f WHERE f.tenant_id = $1 AND f.invoice_id = $2
), paid_ahead AS NOT MATERIALIZED (
  -- Each fee and change counts once, as it was charged last: what is void is made again.
  SELECT i.tenant_id, i.subscription_id, l.period_start AS fee_start, l.amount
    FROM saas.payment_invoices i
    JOIN saas.tenant_subscriptions s ON s.tenant_id = i.tenant_id AND s.id = i.subscription_id
    JOIN saas.plans p ON p.id = s.plan_id AND p.bill_in = 'advance'
    JOIN saas.payment_invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id AND l.kind IN ('subscription', 'seat', 'proration')
   WHERE EXISTS (SELECT FROM saas.advance_fees f WHERE f.tenant_id = i.tenant_id AND f.invoice_id = i.id)
      OR EXISTS (SELECT FROM saas.charged_changes x WHERE x.tenant_id = i.tenant_id AND x.invoice_id = i.id)
), redeemed AS (
  -- Those that the void invoice had, also when they were removed since.
  SELECT DISTINCT l.tenant_id, l.source_id AS id, CASE d.kind WHEN 'change' THEN -1 ELSE 0 END AS taken
    FROM asked d JOIN saas.payment_invoice_lines l ON l.tenant_id = d.tenant_id AND l.invoice_id = $2 AND l.kind = 'discount'
)
