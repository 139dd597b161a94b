-- What is wrong with the sums of invoice $2 of tenant $1; no row if they are right.
SELECT format('the lines of the invoice add up to %s, its total is %s', s.total_amount, i.total_amount)
  FROM saas.payment_invoices i
 CROSS JOIN LATERAL saas.invoice_sums(i.tenant_id, i.id) s
 WHERE i.tenant_id = $1 AND i.id = $2
   AND (i.subscription_amount, i.usage_amount, i.other_amount, i.discount, i.tax, i.credit_amount, i.total_amount)
    <> (s.subscription_amount, s.usage_amount, s.other_amount, s.discount, s.tax, s.credit_amount, s.total_amount)
