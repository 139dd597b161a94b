-- What is wrong with the sums of invoice $2 of tenant $1; no row if they are right.
SELECT format('the lines of the invoice add up to %s, its total is %s', sums.total, i.total_amount)
  FROM saas.payment_invoices i
 CROSS JOIN LATERAL (
   SELECT coalesce(sum(l.amount), 0) AS total,
          coalesce(sum(l.amount) FILTER (WHERE l.kind IN ('subscription', 'seat', 'proration')), 0) AS subscription,
          coalesce(sum(l.amount) FILTER (WHERE l.kind = 'usage'), 0) AS usage,
          coalesce(-sum(l.amount) FILTER (WHERE l.kind = 'discount'), 0) AS discount,
          coalesce(sum(l.amount) FILTER (WHERE l.kind = 'tax'), 0) AS tax,
          coalesce(-sum(l.amount) FILTER (WHERE l.kind = 'credit'), 0) AS credit
     FROM saas.payment_invoice_lines l
    WHERE l.tenant_id = i.tenant_id AND l.invoice_id = i.id
 ) sums
 WHERE i.tenant_id = $1 AND i.id = $2
   AND (i.total_amount, i.subscription_amount, i.usage_amount, i.discount, i.tax, i.credit_amount)
    <> (sums.total, sums.subscription, sums.usage, sums.discount, sums.tax, sums.credit)
