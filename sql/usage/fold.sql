-- Moves the slots of each tenant ($1), up to its period ($2), into usage_records. Last-value meters
-- keep their newest slot, which says when the value was taken. Returns the counters that changed
-- although their period is closed.
WITH due AS (
  SELECT DISTINCT ON (tenant_id) tenant_id, period
    FROM unnest($1::uuid[], $2::date[]) AS d (tenant_id, period) ORDER BY tenant_id, period DESC
), folded AS (
  DELETE FROM saas.usage_counter_slots s
   USING due d, saas.features f
   WHERE s.tenant_id = d.tenant_id AND s.period <= d.period AND f.key = s.feature_key AND f.aggregation <> 'last'
  RETURNING s.tenant_id, s.feature_key, s.period, s.units, f.aggregation
), units AS (
  SELECT tenant_id, feature_key, period,
         CASE aggregation WHEN 'sum' THEN sum(units) ELSE max(units) END::bigint AS units
    FROM folded GROUP BY tenant_id, feature_key, period, aggregation
  UNION ALL
  (SELECT DISTINCT ON (s.tenant_id, s.feature_key, s.period) s.tenant_id, s.feature_key, s.period, s.units
    FROM due d
    JOIN saas.usage_counter_slots s ON s.tenant_id = d.tenant_id AND s.period <= d.period
    JOIN saas.features f ON f.key = s.feature_key AND f.aggregation = 'last'
   ORDER BY s.tenant_id, s.feature_key, s.period, s.last_at DESC)
), written AS (
  INSERT INTO saas.usage_records AS r (tenant_id, feature_key, period, count)
  SELECT tenant_id, feature_key, period, units FROM units ORDER BY tenant_id, feature_key, period
  ON CONFLICT (tenant_id, feature_key, period) DO UPDATE
     SET count = CASE (SELECT aggregation FROM saas.features WHERE key = excluded.feature_key)
                   WHEN 'sum' THEN r.count + excluded.count
                   WHEN 'max' THEN greatest(r.count, excluded.count)
                   ELSE excluded.count
                 END
  RETURNING r.tenant_id, r.feature_key, r.period
)
SELECT w.tenant_id, w.feature_key, w.period
  FROM written w
 WHERE EXISTS (SELECT FROM saas.billed_periods b WHERE b.tenant_id = w.tenant_id AND b.period = w.period)
