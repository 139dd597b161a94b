-- The usage event of tenant $1 with id $2, as long as its id is kept: its feature, how that adds up, when it was recorded, the number
-- of its last correction and what it counts for (NULL: it is void), its period (NULL: the event itself is gone), and whether
-- events of that period may be gone.
SELECT k.feature_key, f.aggregation, k.recorded_at, coalesce(last.number, 0),
       CASE WHEN last.number IS NULL THEN k.units ELSE last.units END, e.period,
       s.usage_events_kept_since > (e.period::timestamp AT TIME ZONE t.time_zone) - s.usage_clock_skew
  FROM saas.usage_event_keys k
  JOIN saas.tenants t ON t.id = k.tenant_id
  JOIN saas.features f ON f.key = k.feature_key
 CROSS JOIN saas.settings s
  LEFT JOIN saas.usage_events e ON e.tenant_id = k.tenant_id AND e.feature_key = k.feature_key AND e.occurred_at = k.occurred_at
        AND e.recorded_at = k.recorded_at AND e.event_id = k.event_id
  LEFT JOIN LATERAL (
    SELECT c.number, c.units FROM saas.usage_corrections c
     WHERE c.tenant_id = k.tenant_id AND c.event_id = k.event_id AND c.recorded_at = k.recorded_at
     ORDER BY c.number DESC LIMIT 1
  ) last ON true
 WHERE k.tenant_id = $1 AND k.event_id = $2
