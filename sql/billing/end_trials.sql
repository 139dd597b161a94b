-- The trials of tenants $1 that are over by $2. What a provider collects, it tells of.
UPDATE saas.tenant_subscriptions s SET status = CASE WHEN s.provider IS NULL AND saas.is_behind(s.tenant_id, $2) THEN 'past_due' ELSE 'active' END
 WHERE s.tenant_id = ANY ($1::uuid[]) AND s.status = 'trialing' AND s.trial_end <= $2
RETURNING s.id
