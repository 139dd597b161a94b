-- Half a minute until the next attempt, twice as long after each, a day at most.
UPDATE saas.payment_events
   SET attempts = attempts + 1,
       last_error = left($2, 2000),
       next_attempt_at = statement_timestamp() + least(interval '1 day', interval '30 seconds' * 2 ^ least(attempts, 12)),
       tenant_id = coalesce($3, tenant_id)
 WHERE id = $1
