-- What the invoices that are asked for are made of, as it is stored. Continued by invoice_lines.sql.
, fees_due AS NOT MATERIALIZED (
  -- What is closed was billed, with another subscription of the same month.
  SELECT f.tenant_id, f.period, f.id, f.feature_key, f.included_units, f.units, f.unit_price, f.total_amount
    FROM saas.usage_fees f WHERE f.closed_at IS NULL
), late_units AS (
  SELECT a.tenant_id, a.id, a.feature_key, a.period, a.units, a.created_at, NULL::bigint AS amount
    FROM asked d
    JOIN saas.usage_adjustments a ON a.tenant_id = d.tenant_id AND a.amount IS NULL
), credits AS (
  SELECT d.tenant_id, coalesce((SELECT l.balance_after FROM saas.tenant_credit_ledger l
                                 WHERE l.tenant_id = d.tenant_id ORDER BY l.entry DESC LIMIT 1), 0) AS amount
    FROM asked d
), earlier AS NOT MATERIALIZED (
  -- Each period counts once, as it was billed last.
  SELECT b.tenant_id, b.subscription_id, b.period_start, b.period_end, i.subscription_amount + i.usage_amount AS amount
    FROM saas.billed_periods b
    JOIN saas.payment_invoices i ON i.tenant_id = b.tenant_id AND i.id = b.invoice_id
), redeemed AS NOT MATERIALIZED (
  SELECT r.tenant_id, r.id, 0 AS taken FROM saas.coupon_redemptions r WHERE r.removed_at IS NULL
)
