-- Moves the slots of each tenant ($1), up to its period ($2), into usage_records. Last-value meters
-- keep their slots, which say when the values were taken. Returns the counters that changed
-- although their period is closed. Whoever folds holds the tenants' rows, so that none of this
-- happens while another session closes the period.
WITH due AS (
  SELECT DISTINCT ON (tenant_id) tenant_id, period
    FROM unnest($1::uuid[], $2::date[]) AS d (tenant_id, period) ORDER BY tenant_id, period DESC
), full_slots AS (
  -- Locked in the order in which they are written: nobody waits in a circle.
  SELECT s.tenant_id, s.feature_key, s.period, s.slot, f.aggregation
    FROM due d
    JOIN saas.usage_counter_slots s ON s.tenant_id = d.tenant_id AND s.period <= d.period
    JOIN saas.features f ON f.key = s.feature_key AND f.aggregation <> 'last'
   ORDER BY s.tenant_id, s.feature_key, s.period, s.slot
     FOR UPDATE OF s
), folded AS (
  DELETE FROM saas.usage_counter_slots s
   USING full_slots f
   WHERE s.tenant_id = f.tenant_id AND s.feature_key = f.feature_key AND s.period = f.period AND s.slot = f.slot
  RETURNING s.tenant_id, s.feature_key, s.period, s.units, f.aggregation
), units AS (
  SELECT tenant_id, feature_key, period,
         CASE aggregation
           WHEN 'sum' THEN saas.usage_count(tenant_id, feature_key, period, sum(units))
           ELSE max(units)
         END AS units
    FROM folded GROUP BY tenant_id, feature_key, period, aggregation
  UNION ALL
  (SELECT DISTINCT ON (s.tenant_id, s.feature_key, s.period) s.tenant_id, s.feature_key, s.period, s.units
    FROM due d
    JOIN saas.usage_counter_slots s ON s.tenant_id = d.tenant_id AND s.period <= d.period
    JOIN saas.features f ON f.key = s.feature_key AND f.aggregation = 'last'
   ORDER BY s.tenant_id, s.feature_key, s.period, s.last_at DESC, s.slot)
), written AS (
  INSERT INTO saas.usage_records AS r (tenant_id, feature_key, period, count)
  SELECT tenant_id, feature_key, period, units FROM units ORDER BY tenant_id, feature_key, period
  ON CONFLICT (tenant_id, feature_key, period) DO UPDATE
     SET count = CASE (SELECT aggregation FROM saas.features WHERE key = excluded.feature_key)
                   WHEN 'sum' THEN saas.usage_count(r.tenant_id, r.feature_key, r.period, r.count::numeric + excluded.count)
                   WHEN 'max' THEN greatest(r.count, excluded.count)
                   ELSE excluded.count
                 END
   -- What says nothing new changes nothing: the slots of last-value meters come again each time.
   WHERE r.count <> excluded.count OR (SELECT aggregation FROM saas.features WHERE key = excluded.feature_key) = 'sum'
  RETURNING r.tenant_id, r.feature_key, r.period
)
SELECT w.tenant_id, w.feature_key, w.period
  FROM written w
 WHERE EXISTS (SELECT FROM saas.billed_periods b WHERE b.tenant_id = w.tenant_id AND b.period = w.period AND b.kind = 'billed')
