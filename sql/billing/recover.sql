-- The subscription of invoice $2 of tenant $1 is behind no more, if no other invoice of it is.
UPDATE saas.tenant_subscriptions s SET status = 'active'
  FROM saas.payment_invoices i
 WHERE i.tenant_id = $1 AND i.id = $2
   AND s.tenant_id = i.tenant_id AND s.id = i.subscription_id AND s.status = 'past_due'
   -- What the provider collects, it tells of.
   AND s.provider IS NULL
   AND NOT EXISTS (SELECT FROM saas.payment_invoices o
                    WHERE o.tenant_id = s.tenant_id AND o.subscription_id = s.id AND o.status IN ('failed', 'uncollectible'))
