-- Continues recount_events.sql: the counter is what the first one says.
       LIMIT 1
    ) v ON true
), slots AS (
  UPDATE saas.usage_counter_slots s SET units = v.units, last_at = v.last_at
    FROM value v WHERE s.tenant_id = $1 AND s.feature_key = $2 AND s.period = $3
)
INSERT INTO saas.usage_records (tenant_id, feature_key, period, count)
SELECT $1, $2, $3, units FROM value
ON CONFLICT (tenant_id, feature_key, period) DO UPDATE SET count = excluded.count
