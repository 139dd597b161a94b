-- What the plan of contract $2 of tenant $1 says of $4 of add-on $3, and the plan that waits for it: the plan's key, whether it is the
-- one that waits, whether it knows the add-on, what they cost in the tenant's currency, the most that it gives, and the currency.
SELECT p.key, p.id <> s.plan_id, EXISTS (SELECT FROM saas.plan_add_ons a WHERE a.plan_id = p.id AND a.key = $3),
       offer.price * $4, offer.most_quantity, t.currency
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id OR p.id = s.scheduled_plan_id AND $4 > 0
  LEFT JOIN LATERAL saas.add_on_offer(p.id, $3, t.currency) offer ON true
 WHERE s.tenant_id = $1 AND s.id = $2
 ORDER BY 2
