-- Keeps the ids of events ($1 tenants, $2 ids, $3 features, $4 units, $5 times), and returns, in their order, those that were
-- not there. They come in one order from everybody, so that nobody waits in a circle.
INSERT INTO saas.usage_event_keys (tenant_id, event_id, feature_key, units, occurred_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
ON CONFLICT (tenant_id, event_id) DO NOTHING
RETURNING tenant_id, event_id
