-- Why the contract of tenant $1 can't be ended, paused or changed as of $2; NULL if it has none.
SELECT CASE
         WHEN s.status = 'paused' THEN 'the contract is paused'
         WHEN s.anchor > $2 THEN 'the contract begins later than that'
         WHEN ($2 AT TIME ZONE t.time_zone)::date < s.current_period_start THEN 'the period that contains that day is billed already'
         ELSE 'the contract has been changed for a later day'
       END
  FROM saas.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
 WHERE s.tenant_id = $1 AND s.status <> 'canceled'
