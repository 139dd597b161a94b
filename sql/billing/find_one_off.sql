-- The invoice without a contract that tenant $1 has for the day $2: a void one that was not made again first.
SELECT i.id, i.status
  FROM saas.payment_invoices i
 WHERE i.tenant_id = $1 AND i.subscription_id IS NULL AND i.period_start = $2
 ORDER BY i.status = 'void' AND EXISTS (SELECT FROM saas.usage_adjustments a WHERE a.tenant_id = i.tenant_id AND a.invoice_id = i.id) DESC,
          i.status = 'void', i.id DESC
 LIMIT 1
