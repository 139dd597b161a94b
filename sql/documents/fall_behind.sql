-- Contracts of tenants $2 who are behind with an invoice at $1, of whichever contract, are behind: one that failed, was given up, or is
-- overdue beyond the grace period. What a provider collects, it tells of.
UPDATE saas.tenant_subscriptions s SET status = 'past_due'
 WHERE s.tenant_id = ANY ($2::uuid[]) AND s.status IN ('active', 'trialing') AND s.provider IS NULL AND saas.is_behind(s.tenant_id, $1)
RETURNING s.id
