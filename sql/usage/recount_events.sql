-- Works a counter out anew, from the events that count: $1 tenant, $2 feature, $3 period, $4 max or last. What is written to other
-- slots meanwhile is an event of its own, and adds up with this as always. No period is longer than a month, in no time zone.
WITH value AS (
  SELECT coalesce(v.units, 0) AS units, coalesce(v.occurred_at, '-infinity') AS last_at
    FROM (SELECT) one
    LEFT JOIN (
      SELECT counted.units, e.occurred_at
        FROM saas.usage_events e
        LEFT JOIN LATERAL (
          SELECT c.number, c.units FROM saas.usage_corrections c
           WHERE c.tenant_id = e.tenant_id AND c.event_id = e.event_id AND c.recorded_at = e.recorded_at
           ORDER BY c.number DESC LIMIT 1
        ) last ON true
       CROSS JOIN LATERAL (SELECT CASE WHEN last.number IS NULL THEN e.units ELSE last.units END AS units) counted
       WHERE e.tenant_id = $1 AND e.feature_key = $2 AND e.period = $3 AND counted.units IS NOT NULL
         AND e.occurred_at >= $3::timestamp AT TIME ZONE 'UTC' - interval '2 days'
         AND e.occurred_at < $3::timestamp AT TIME ZONE 'UTC' + interval '33 days'
       ORDER BY CASE $4 WHEN 'max' THEN counted.units END DESC, e.occurred_at DESC, e.recorded_at DESC
       LIMIT 1
    ) v ON true
), slots AS (
  UPDATE saas.usage_counter_slots s SET units = v.units, last_at = v.last_at
    FROM value v WHERE s.tenant_id = $1 AND s.feature_key = $2 AND s.period = $3
)
INSERT INTO saas.usage_records (tenant_id, feature_key, period, count)
SELECT $1, $2, $3, units FROM value
ON CONFLICT (tenant_id, feature_key, period) DO UPDATE SET count = excluded.count
