-- The trials of tenants $1 that are over by $2.
UPDATE saas.tenant_subscriptions s SET status = 'active'
 WHERE s.tenant_id = ANY ($1::uuid[]) AND s.status = 'trialing' AND s.trial_end <= $2
RETURNING s.id
