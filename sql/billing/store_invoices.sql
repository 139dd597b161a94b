-- Continues invoice_lines.sql: stores the invoices as drafts, with their lines, and takes the credits
-- they use. The invoices' numbers come when they are finalized. Continued by what names them in the chain.
, invoices AS (
  INSERT INTO saas.payment_invoices (tenant_id, id, subscription_id, issuer_id, billing_reason, period, period_start, period_end,
                                     subscription_amount, usage_amount, other_amount, discount, tax, credit_amount, total_amount,
                                     currency)
  SELECT d.tenant_id, d.invoice_id, d.subscription_id, (SELECT i.id FROM saas.issuers i WHERE i.key = 'default'),
         d.kind, d.period, d.period_start, d.period_end,
         coalesce(sum(l.amount) FILTER (WHERE l.kind IN ('subscription', 'seat', 'proration')), 0),
         coalesce(sum(l.amount) FILTER (WHERE l.kind = 'usage'), 0),
         coalesce(sum(l.amount) FILTER (WHERE l.kind IN ('minimum', 'add_on', 'setup', 'adjustment')), 0),
         coalesce(-sum(l.amount) FILTER (WHERE l.kind = 'discount'), 0),
         coalesce(sum(l.amount) FILTER (WHERE l.kind = 'tax'), 0),
         coalesce(-sum(l.amount) FILTER (WHERE l.kind = 'credit'), 0),
         coalesce(sum(l.amount), 0), d.currency
    FROM due d
    LEFT JOIN lines l ON l.invoice_id = d.invoice_id
   GROUP BY d.tenant_id, d.invoice_id, d.subscription_id, d.kind, d.period, d.period_start, d.period_end, d.currency
  -- Late usage and changes that cost nothing make no invoice of their own.
  HAVING d.kind IN ('period', 'advance') OR count(l.position) > 0
  RETURNING tenant_id, id
), stored AS (
  INSERT INTO saas.payment_invoice_lines (tenant_id, invoice_id, position, kind, description, feature_key,
                                          quantity, unit_amount, amount, period_start, period_end, source_id,
                                          tax_percent, contains_tax, taxable_amount)
  SELECT tenant_id, invoice_id, position, kind, description, feature_key, quantity, unit_amount, amount, period_start, period_end, source_id,
         tax_percent, contains_tax, taxable_amount
    FROM lines
), posted AS (
  INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, invoice_id)
  SELECT c.tenant_id, -c.amount, 'Used on the invoice for ' || to_char(d.period_start, 'YYYY-MM-DD'), 'billing', c.invoice_id
    FROM credit c JOIN due d ON d.invoice_id = c.invoice_id
  UNION ALL
  SELECT c.tenant_id, c.amount, 'Carried over from the invoice for ' || to_char(d.period_start, 'YYYY-MM-DD'), 'billing', c.invoice_id
    FROM carried c JOIN due d ON d.invoice_id = c.invoice_id
   ORDER BY 1
), adjusted AS (
  UPDATE saas.usage_adjustments a SET amount = l.amount, invoice_id = i.id
    FROM late l LEFT JOIN invoices i ON i.id = l.invoice_id
   WHERE a.tenant_id = l.tenant_id AND a.id = l.id
)
