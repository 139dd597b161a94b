-- Tenants after $2 with a contract for which something has come due by $1, $3 at most. Locks them, but those that
-- somebody else is changing: they are brought up to date by him, or the next time.
SELECT t.id
  FROM saas.tenants t
 WHERE ($2::uuid IS NULL OR t.id > $2)
   AND (EXISTS (
     SELECT FROM saas.tenant_subscriptions s
      WHERE s.tenant_id = t.id AND s.status <> 'canceled'
        AND (s.scheduled_for <= ($1 AT TIME ZONE t.time_zone)::date OR s.cancel_at <= $1 OR s.status = 'trialing' AND s.trial_end <= $1)
   ) OR EXISTS (
     -- Fees in advance that are not charged as far as the running period.
     SELECT FROM saas.tenant_subscriptions s
       JOIN saas.plans p ON p.id = s.plan_id AND p.bill_in = 'advance'
      WHERE s.tenant_id = t.id AND s.settled_at IS NULL
        AND NOT EXISTS (SELECT FROM saas.advance_fees f
                         WHERE f.tenant_id = s.tenant_id AND f.subscription_id = s.id AND f.fee_end >= s.current_period_end)
        AND EXISTS (SELECT FROM saas.fees_in_advance(s.tenant_id, s.id, saas.charges_alone_until($1, s.current_period_end, t.time_zone), NULL))))
 ORDER BY t.id
 LIMIT $3
   FOR NO KEY UPDATE SKIP LOCKED
