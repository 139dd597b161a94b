-- $4 of add-on $3 for contract $2 of tenant $1 from the day of $5 on; $6: at once. Returns the row's id.
INSERT INTO saas.subscription_add_ons (tenant_id, subscription_id, number, key, quantity, day, at_once)
SELECT t.id, $2,
       coalesce((SELECT max(a.number) FROM saas.subscription_add_ons a WHERE a.tenant_id = t.id AND a.subscription_id = $2), 0) + 1,
       $3, $4, ($5 AT TIME ZONE t.time_zone)::date, $6
  FROM saas.tenants t WHERE t.id = $1
RETURNING id
