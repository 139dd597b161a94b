-- Contracts of tenants $2 that were behind are in good standing again when the tenant is behind with no invoice at $1, of whichever
-- contract, whether a reminder was written before they paid or not. What a provider collects, it tells of.
UPDATE saas.tenant_subscriptions s SET status = 'active'
 WHERE s.tenant_id = ANY ($2::uuid[]) AND s.status = 'past_due' AND s.provider IS NULL AND NOT saas.is_behind(s.tenant_id, $1)
RETURNING s.id
