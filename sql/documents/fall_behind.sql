-- Contracts of tenants $2 of whom an invoice, of whichever contract, is overdue beyond the grace period at $1 are behind. What a
-- provider collects, it tells of.
UPDATE saas.tenant_subscriptions s SET status = 'past_due'
  FROM saas.settings c
 WHERE s.tenant_id = ANY ($2::uuid[]) AND s.status IN ('active', 'trialing') AND s.provider IS NULL
   AND EXISTS (SELECT FROM saas.payment_invoices i
                WHERE i.tenant_id = s.tenant_id AND i.status IN ('open', 'failed')
                  AND i.total_amount > i.credited_amount AND i.due_at + c.payment_grace <= $1)
RETURNING s.id
