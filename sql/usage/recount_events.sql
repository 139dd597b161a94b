-- Works a counter out anew, from the events that count: $1 tenant, $2 feature, $3 period. What is written to other slots
-- meanwhile is an event of its own, and adds up with this as always. No period is longer than a month, in no time zone.
-- Continued by which of the events is the one, and by recounted.sql.
WITH corrected AS (
  SELECT DISTINCT ON (event_id, recorded_at) event_id, recorded_at, units
    FROM saas.usage_corrections
   WHERE tenant_id = $1 AND feature_key = $2 AND period = $3
   ORDER BY event_id, recorded_at, number DESC
), value AS (
  SELECT coalesce(v.units, 0) AS units, coalesce(v.occurred_at, '-infinity') AS last_at
    FROM (SELECT) one
    LEFT JOIN (
      SELECT counted.units, e.occurred_at
        FROM saas.usage_events e
        LEFT JOIN corrected c ON c.event_id = e.event_id AND c.recorded_at = e.recorded_at
       CROSS JOIN LATERAL (SELECT CASE WHEN c.event_id IS NULL THEN e.units ELSE c.units END AS units) counted
       WHERE e.tenant_id = $1 AND e.feature_key = $2 AND e.period = $3 AND counted.units IS NOT NULL
         AND e.occurred_at >= $3::timestamp AT TIME ZONE 'UTC' - interval '2 days'
         AND e.occurred_at < $3::timestamp AT TIME ZONE 'UTC' + interval '33 days'
