-- An event of one tenant's customer about something of another's: told once, not with each attempt.
INSERT INTO saas.security_events (id, severity, kind, subject, tenant_id, evidence)
SELECT saas.uuid_v7(), 'high', 'payment_event_foreign', e.provider || ':' || e.provider_event_id, $3,
       jsonb_build_object('payment_event_id', e.id, 'event_type', e.event_type, 'other_tenant_id', $4, 'error', $2)
  FROM saas.payment_events e
 WHERE e.id = $1 AND e.last_error IS DISTINCT FROM left($2, 2000)
