-- Tenants after $2 with a contract for which something has come due by $1, $3 at most. Locks them, but those that
-- somebody else is changing: they are brought up to date by him, or the next time.
SELECT t.id
  FROM saas.tenants t
 WHERE ($2::uuid IS NULL OR t.id > $2)
   AND t.id IN (
     SELECT s.tenant_id
       FROM saas.tenant_subscriptions s
       JOIN saas.tenants z ON z.id = s.tenant_id
      WHERE s.status <> 'canceled'
        AND (s.scheduled_for <= ($1 AT TIME ZONE z.time_zone)::date OR s.cancel_at <= $1 OR s.status = 'trialing' AND s.trial_end <= $1)
     UNION ALL
     -- Fees in advance that are not charged as far as the running period. The plans are an array and the rest a CASE, so that nobody else's
     -- contracts are looked at, and the function is called last.
     SELECT s.tenant_id
       FROM saas.tenant_subscriptions s
       JOIN saas.tenants z ON z.id = s.tenant_id
      WHERE s.plan_id = ANY (ARRAY(SELECT p.id FROM saas.plans p WHERE p.bill_in = 'advance')) AND s.settled_at IS NULL
        AND CASE WHEN NOT EXISTS (SELECT FROM saas.advance_fees f
                                   WHERE f.tenant_id = s.tenant_id AND f.subscription_id = s.id AND f.fee_end >= s.current_period_end)
                 THEN EXISTS (SELECT FROM saas.fees_in_advance(s.tenant_id, s.id, saas.charges_alone_until($1, s.current_period_end, z.time_zone), NULL)) END)
 ORDER BY t.id
 LIMIT $3
   FOR NO KEY UPDATE SKIP LOCKED
