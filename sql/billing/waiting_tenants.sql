-- Tenants after $2 with a contract for which something has come due by $1, $3 at most. Locks them, but those that
-- somebody else is changing: they are brought up to date by him, or the next time.
SELECT t.id
  FROM saas.tenants t
 WHERE ($2::uuid IS NULL OR t.id > $2)
   AND EXISTS (
     SELECT FROM saas.tenant_subscriptions s
      WHERE s.tenant_id = t.id AND s.status <> 'canceled'
        AND (s.scheduled_for <= ($1 AT TIME ZONE t.time_zone)::date OR s.cancel_at <= $1 OR s.status = 'trialing' AND s.trial_end <= $1))
 ORDER BY t.id
 LIMIT $3
   FOR NO KEY UPDATE SKIP LOCKED
