-- Contracts that were behind and owe nothing at $1 that is overdue beyond the grace period are in good standing again,
-- whether a reminder was written before they paid or not. What a provider collects, it tells of.
UPDATE saas.tenant_subscriptions s SET status = 'active'
  FROM saas.settings c
 WHERE s.status = 'past_due' AND s.provider IS NULL
   AND NOT EXISTS (SELECT FROM saas.payment_invoices i
                    WHERE i.tenant_id = s.tenant_id AND i.subscription_id = s.id
                      AND (i.status IN ('failed', 'uncollectible')
                           OR i.status = 'open' AND i.total_amount > i.credited_amount AND i.due_at + c.payment_grace <= $1))
RETURNING s.id
