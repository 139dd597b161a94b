-- What contract $2 of tenant $1 takes from the day of $4 on that plan $3 does not offer, or not as many of; NULL if it offers all.
SELECT CASE WHEN offer.price IS NULL THEN format('the plan "%s" does not offer the add-on "%s", of which the contract has %s', p.key, a.key, a.quantity)
            ELSE format('the plan "%s" offers %s of the add-on "%s" at most, the contract has %s', p.key, offer.most_quantity, a.key, a.quantity)
       END
  FROM saas.tenants t
  JOIN saas.plans p ON p.id = $3
 CROSS JOIN LATERAL saas.add_on_days(t.id, $2) a
  LEFT JOIN LATERAL saas.add_on_offer(p.id, a.key, t.currency) offer ON true
 WHERE t.id = $1 AND a.quantity > 0 AND (a.next IS NULL OR a.next > ($4 AT TIME ZONE t.time_zone)::date)
   AND (offer.price IS NULL OR a.quantity > offer.most_quantity)
 ORDER BY a.key, a.first LIMIT 1
