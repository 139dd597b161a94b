-- The provider's subscription goes on with contract $2 of tenant $1, which follows on the one that ended at $3.
UPDATE saas.tenant_subscriptions s SET provider = o.provider, provider_subscription_id = o.provider_subscription_id
  FROM saas.tenant_subscriptions o
 WHERE s.tenant_id = $1 AND s.id = $2 AND o.tenant_id = $1 AND o.id <> $2 AND o.ended_at = $3 AND o.provider IS NOT NULL
