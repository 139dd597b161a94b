-- Keeps events: $1 tenants, $2 features, $3 units, $4 periods, $5 ids, $6 times.
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::date[], $5::text[], $6::timestamptz[])
