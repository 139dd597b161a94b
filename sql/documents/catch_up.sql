-- Contracts that were behind for a reminder that is settled, and owe nothing overdue any more, are in good standing again.
UPDATE saas.tenant_subscriptions s SET status = 'active'
  FROM saas.settings c
 WHERE s.status = 'past_due' AND s.provider IS NULL
   AND EXISTS (SELECT FROM saas.dunning d JOIN saas.payment_invoices i ON i.tenant_id = d.tenant_id AND i.id = d.invoice_id
                WHERE d.tenant_id = s.tenant_id AND i.subscription_id = s.id AND d.settled_at = $1)
   AND NOT EXISTS (SELECT FROM saas.payment_invoices i
                    WHERE i.tenant_id = s.tenant_id AND i.subscription_id = s.id
                      AND (i.status IN ('failed', 'uncollectible') OR i.status = 'open' AND i.due_at + c.payment_grace <= $1))
RETURNING s.id
