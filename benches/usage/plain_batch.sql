-- The same work in one statement of plain SQL: each id once, the events kept, the counters raised; sorted, so that
-- two of them don't wait in a circle.
WITH events AS (
  SELECT e.*, date_trunc('month', now() AT TIME ZONE t.time_zone)::date AS period
    FROM bench.batches b
   CROSS JOIN LATERAL unnest(b.tenant_ids, b.feature_keys, b.units,
                             string_to_array(replace(b.ids, '#', gen_random_uuid()::text), ',')) AS e (tenant_id, feature_key, units, event_id)
    JOIN saas.tenants t ON t.id = e.tenant_id AND t.deleted_at IS NULL
    JOIN saas.features f ON f.key = e.feature_key
   WHERE b.size = :size AND b.n = :n
), keys AS (
  INSERT INTO plain.keys (tenant_id, event_id, feature_key, units, occurred_at)
  SELECT tenant_id, event_id, feature_key, units, now() FROM events ORDER BY tenant_id, event_id
  ON CONFLICT DO NOTHING RETURNING tenant_id, event_id
), counted AS (
  SELECT e.* FROM events e JOIN keys USING (tenant_id, event_id)
), stored AS (
  INSERT INTO plain.events (tenant_id, feature_key, units, period, event_id, occurred_at)
  SELECT tenant_id, feature_key, units, period, event_id, now() FROM counted
)
INSERT INTO plain.counters AS c (tenant_id, feature_key, period, units, last_at)
SELECT tenant_id, feature_key, period, sum(units), now() FROM counted
 GROUP BY tenant_id, feature_key, period ORDER BY tenant_id, feature_key, period
ON CONFLICT (tenant_id, feature_key, period) DO UPDATE SET units = c.units + excluded.units, last_at = greatest(c.last_at, excluded.last_at);
