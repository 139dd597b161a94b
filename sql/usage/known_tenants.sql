-- Those of the tenants $1 that are there, their zones, and whether they have or had a plan with periods of its own.
SELECT t.id, t.time_zone,
       EXISTS (SELECT FROM saas.plans WHERE billing_cycle <> 'calendar')
       AND EXISTS (SELECT FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id
                    WHERE s.tenant_id = t.id AND p.billing_cycle <> 'calendar')
  FROM saas.tenants t
 WHERE t.id = ANY ($1) AND t.deleted_at IS NULL
