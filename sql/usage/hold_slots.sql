-- Waits for those who write to a counter: $1 tenant, $2 feature, $3 period. The next statement sees their events.
SELECT FROM saas.usage_counter_slots WHERE tenant_id = $1 AND feature_key = $2 AND period = $3 ORDER BY slot FOR UPDATE
