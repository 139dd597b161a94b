-- Keeps an event: $1 tenant, $2 feature, $3 units, $4 period, $5 id, $6 time.
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at)
VALUES ($1, $2, $3, $4, $5, $6)
