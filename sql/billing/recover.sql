-- The contract of tenant $1 is behind no more, if no invoice of the tenant's is.
UPDATE saas.tenant_subscriptions s SET status = 'active'
 WHERE s.tenant_id = $1 AND s.status = 'past_due'
   -- What the provider collects, it tells of.
   AND s.provider IS NULL AND NOT saas.is_behind(s.tenant_id, now())
