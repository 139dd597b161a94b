SELECT id, provider, event_type
  FROM saas.payment_events
 WHERE NOT processed AND next_attempt_at <= statement_timestamp()
 ORDER BY received_at, id
 LIMIT $1
   FOR UPDATE SKIP LOCKED
