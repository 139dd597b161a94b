-- Tenants after $2, $3 at most, for whom reminders or the standing of a contract may move at $1. Locks them, as whoever changes what
-- a tenant owes does first, but not those that somebody else holds: they are left for the next call.
SELECT t.id
  FROM saas.tenants t CROSS JOIN saas.settings c
 WHERE ($2::uuid IS NULL OR t.id > $2)
   AND (EXISTS (SELECT FROM saas.payment_invoices i
                 WHERE i.tenant_id = t.id AND i.status IN ('open', 'failed') AND i.due_at + least(c.dunning_schedule[1], c.payment_grace) <= $1)
        OR EXISTS (SELECT FROM saas.dunning d WHERE d.tenant_id = t.id AND d.status <> 'settled')
        OR EXISTS (SELECT FROM saas.tenant_subscriptions s WHERE s.tenant_id = t.id AND s.status = 'past_due')
        OR EXISTS (SELECT FROM saas.tenant_subscriptions s
                     JOIN saas.payment_invoices i ON i.tenant_id = s.tenant_id AND i.status IN ('failed', 'uncollectible')
                    WHERE s.tenant_id = t.id AND s.status IN ('active', 'trialing') AND s.provider IS NULL AND i.total_amount > i.credited_amount))
 ORDER BY t.id
 LIMIT $3
   FOR NO KEY UPDATE OF t SKIP LOCKED
