-- Notes that the provider's object was followed up to a moment, unless it was followed further.
INSERT INTO saas.provider_keys AS k (provider, kind, provider_key, tenant_id, last_event_at, last_event_rank)
VALUES ($1, $2, $3, $4, to_timestamp($5), $6)
ON CONFLICT (provider, kind, provider_key) DO UPDATE
   SET last_event_at = excluded.last_event_at, last_event_rank = excluded.last_event_rank
 WHERE k.tenant_id = excluded.tenant_id
   AND (k.last_event_at IS NULL
        OR (k.last_event_at, k.last_event_rank) <= (excluded.last_event_at, excluded.last_event_rank))
