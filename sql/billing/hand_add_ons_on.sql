-- The add-ons of tenant $1's contract that ended last at $3 go on with contract $2, which follows on it, and so does what was said of later days.
INSERT INTO saas.subscription_add_ons (tenant_id, subscription_id, number, key, quantity, day, at_once)
SELECT t.id, $2, row_number() OVER (ORDER BY a.key, a.first), a.key, a.quantity, greatest(a.first, begins.day), a.at_once
  FROM saas.tenants t
 CROSS JOIN LATERAL (SELECT ($3 AT TIME ZONE t.time_zone)::date AS day) begins
 CROSS JOIN LATERAL (
   SELECT o.id FROM saas.tenant_subscriptions o
    WHERE o.tenant_id = t.id AND o.id <> $2 AND o.ended_at = $3 ORDER BY o.created_at DESC, o.id DESC LIMIT 1
 ) ended
 CROSS JOIN LATERAL saas.add_on_days(t.id, ended.id) a
 WHERE t.id = $1 AND (a.next IS NULL OR a.next > begins.day) AND (a.quantity > 0 OR a.first > begins.day)
 ORDER BY a.key, a.first
