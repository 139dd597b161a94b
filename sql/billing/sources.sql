-- What the invoices that are asked for are made of, as it is stored. Continued by invoice_lines.sql.
, late_units AS (
  SELECT a.tenant_id, a.id, a.feature_key, a.period, a.units, a.created_at, NULL::bigint AS amount
    FROM asked d
    JOIN saas.usage_adjustments a ON a.tenant_id = d.tenant_id AND a.amount IS NULL
   WHERE d.kind IN ('period', 'late')
), credits AS MATERIALIZED (
  SELECT d.tenant_id, coalesce((SELECT l.balance_after FROM saas.tenant_credit_ledger l
                                 WHERE l.tenant_id = d.tenant_id ORDER BY l.entry DESC LIMIT 1), 0) AS amount
    FROM asked d
), earlier AS NOT MATERIALIZED (
  SELECT * FROM saas.billed_amounts()
), advance AS (
  SELECT d.tenant_id, d.subscription_id, f.fee_start, f.fee_end
    FROM asked d CROSS JOIN LATERAL saas.fees_in_advance(d.tenant_id, d.subscription_id, d.charges_until, NULL) f
   WHERE d.charges_until IS NOT NULL
), paid_ahead AS NOT MATERIALIZED (
  SELECT * FROM saas.paid_ahead()
), redeemed AS NOT MATERIALIZED (
  SELECT r.tenant_id, r.id, 0 AS taken FROM saas.coupon_redemptions r
   WHERE r.removed_at IS NULL AND NOT EXISTS (SELECT FROM asked d WHERE d.tenant_id = r.tenant_id AND d.kind = 'change')
  UNION ALL
  -- A change has the shares that its fee had, and uses up no more invoices.
  SELECT DISTINCT l.tenant_id, l.source_id, -1
    FROM asked d
    JOIN saas.advance_fees f ON f.tenant_id = d.tenant_id AND f.subscription_id = d.subscription_id AND f.fee_end > d.period_start AND f.fee_end <= d.period_end
    JOIN saas.payment_invoice_lines l ON l.tenant_id = f.tenant_id AND l.invoice_id = f.invoice_id AND l.kind = 'discount'
    JOIN saas.coupon_redemptions r ON r.tenant_id = l.tenant_id AND r.id = l.source_id AND r.percent IS NOT NULL
   WHERE d.kind = 'change'
)
