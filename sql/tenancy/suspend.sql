-- Suspends tenant $1. What was canceled stays canceled.
UPDATE saas.tenants
   SET suspended_at = now(),
       billing_state = CASE billing_state WHEN 'canceled' THEN billing_state ELSE 'suspended' END
 WHERE id = $1 AND deleted_at IS NULL AND suspended_at IS NULL
