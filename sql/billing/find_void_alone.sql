-- A void invoice of tenant $1 for a fee in advance or a change, that was not made again, whose days hold $2.
SELECT i.id
  FROM saas.payment_invoices i
 WHERE i.tenant_id = $1 AND i.billing_reason IN ('advance', 'change') AND i.status = 'void' AND i.period_start <= $2 AND $2 < i.period_end
   AND (EXISTS (SELECT FROM saas.advance_fees f WHERE f.tenant_id = i.tenant_id AND f.invoice_id = i.id)
        OR EXISTS (SELECT FROM saas.charged_changes x WHERE x.tenant_id = i.tenant_id AND x.invoice_id = i.id))
 ORDER BY i.id LIMIT 1
