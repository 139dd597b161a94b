-- Of each of tenants $1 a contract that owes fees in advance at $2, which come on no invoice of a period that ends.
SELECT DISTINCT ON (s.tenant_id) s.tenant_id, s.id
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
 WHERE s.tenant_id = ANY ($1::uuid[]) AND p.bill_in = 'advance' AND s.settled_at IS NULL
   AND EXISTS (SELECT FROM saas.fees_in_advance(s.tenant_id, s.id, saas.charges_alone_until($2, s.current_period_end, t.time_zone), NULL))
 ORDER BY s.tenant_id, s.anchor, s.id
