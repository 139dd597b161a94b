-- A second event with a known id: suspicious where it says something else. Stripe counts its own
-- pending deliveries within the event, so that field may differ.
INSERT INTO saas.security_events (id, severity, kind, subject, tenant_id, evidence)
SELECT saas.uuid_v7(), 'high', 'payment_event_conflict', $1 || ':' || $2, e.tenant_id,
       jsonb_build_object(
         'payment_event_id', e.id,
         'event_type', e.event_type,
         'other_event_type', $3,
         'payload_sha256', encode(sha256(convert_to(e.payload::text, 'UTF8')), 'hex'),
         'other_payload_sha256', encode(sha256(convert_to($4::text, 'UTF8')), 'hex'))
  FROM saas.payment_events e
 WHERE e.provider = $1 AND e.provider_event_id = $2
   AND (e.event_type <> $3
        OR CASE WHEN jsonb_typeof(e.payload) = 'object' AND jsonb_typeof($4) = 'object'
             THEN e.payload - 'pending_webhooks' <> $4 - 'pending_webhooks'
             ELSE e.payload <> $4
           END)
