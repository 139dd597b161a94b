-- Reinstates tenant $1, in the billing state that follows from its subscription.
UPDATE saas.tenants t
   SET suspended_at = NULL,
       billing_state = CASE
         WHEN t.billing_state <> 'suspended' THEN t.billing_state
         ELSE coalesce(
           (SELECT CASE s.status WHEN 'trialing' THEN 'trial' WHEN 'paused' THEN 'active' ELSE s.status END
              FROM saas.tenant_subscriptions s WHERE s.tenant_id = t.id AND s.status <> 'canceled'),
           (SELECT 'canceled' FROM saas.tenant_subscriptions s WHERE s.tenant_id = t.id LIMIT 1),
           'trial')
       END
 WHERE t.id = $1 AND t.deleted_at IS NULL AND t.suspended_at IS NOT NULL
