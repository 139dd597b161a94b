-- The plan with key $2 that tenant $1 may take now, its seats, and whether it has a price in the currency $3.
SELECT p.id, p.member_seat,
       p.currency = $3 OR EXISTS (SELECT FROM saas.plan_prices pp WHERE pp.plan_id = p.id AND pp.currency = $3)
  FROM saas.plans p
 WHERE p.key = $2 AND p.is_current AND p.is_active AND (p.tenant_id IS NULL OR p.tenant_id = $1)
