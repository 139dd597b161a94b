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
  -- Each period counts once, as it was billed last.
  SELECT b.tenant_id, b.subscription_id, b.period_start, b.period_end,
         CASE p.bill_in WHEN 'advance' THEN 0 ELSE i.subscription_amount END + i.usage_amount AS amount
    FROM saas.billed_periods b
    JOIN saas.plans p ON p.id = b.plan_id
    JOIN saas.payment_invoices i ON i.tenant_id = b.tenant_id AND i.id = b.invoice_id
), advance AS (
  SELECT d.tenant_id, d.subscription_id, f.fee_start, f.fee_end
    FROM asked d CROSS JOIN LATERAL saas.fees_in_advance(d.tenant_id, d.subscription_id, d.charges_until, NULL) f
   WHERE d.charges_until IS NOT NULL
), paid_ahead AS NOT MATERIALIZED (
  -- Each fee and change counts once, as it was charged last: what is void is made again.
  SELECT i.tenant_id, i.subscription_id, l.period_start AS fee_start, l.amount
    FROM saas.payment_invoices i
    JOIN saas.tenant_subscriptions s ON s.tenant_id = i.tenant_id AND s.id = i.subscription_id
    JOIN saas.plans p ON p.id = s.plan_id AND p.bill_in = 'advance'
    JOIN saas.payment_invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id AND l.kind IN ('subscription', 'seat', 'proration')
   WHERE EXISTS (SELECT FROM saas.advance_fees f WHERE f.tenant_id = i.tenant_id AND f.invoice_id = i.id)
      OR EXISTS (SELECT FROM saas.charged_changes x WHERE x.tenant_id = i.tenant_id AND x.invoice_id = i.id)
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
