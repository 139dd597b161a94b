-- The subscription that is linked to the provider's, a live one first; else the tenant's live one.
SELECT id, status, provider, provider_subscription_id
  FROM saas.tenant_subscriptions
 WHERE tenant_id = $1
   AND (status <> 'canceled' OR (provider = $2 AND provider_subscription_id = $3))
 ORDER BY (provider = $2 AND provider_subscription_id = $3) IS TRUE DESC, status = 'canceled', created_at DESC
 LIMIT 1
   FOR NO KEY UPDATE
