-- Keeps what load $1 could not count: $2 positions, $3 tenants, $4 features, $5 units, $6 ids, $7 times, $8 SQLSTATEs, $9 messages.
INSERT INTO saas.usage_refused (load_id, position, tenant_id, feature_key, units, event_id, occurred_at, sqlstate, message)
SELECT $1, * FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::timestamptz[], $8::text[], $9::text[])
