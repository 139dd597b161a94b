-- Keeps an event's id, if it is new: $1 tenant, $2 id, $3 feature, $4 units, $5 time.
INSERT INTO saas.usage_event_keys (tenant_id, event_id, feature_key, units, occurred_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, event_id) DO NOTHING
