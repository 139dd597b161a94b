-- Counts usage events, each event id once: $1 tenants, $2 features, $3 units, $4 event ids (NULL: not
-- deduplicated), $5 times, $6 which of a counter's slots to write. Sorted, so that two sessions that
-- write the same rows take them in the same order.
WITH events AS (
  SELECT e.position, e.tenant_id, e.feature_key, e.units, e.event_id, e.occurred_at, f.aggregation,
         e.occurred_at < now() - c.usage_id_retention AS too_old,
         e.occurred_at > now() + c.usage_clock_skew AS too_new,
         CASE p.billing_cycle
           WHEN 'anniversary' THEN
             (lower(saas.billing_period(s.anchor, '1 month', e.occurred_at, t.time_zone)) AT TIME ZONE t.time_zone)::date
           ELSE date_trunc('month', e.occurred_at AT TIME ZONE t.time_zone)::date
         END AS period
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
         WITH ORDINALITY AS e (tenant_id, feature_key, units, event_id, occurred_at, position)
    JOIN saas.tenants t ON t.id = e.tenant_id AND t.deleted_at IS NULL
    JOIN saas.features f ON f.key = e.feature_key
   CROSS JOIN saas.settings c
    LEFT JOIN saas.tenant_subscriptions s ON s.tenant_id = t.id AND s.status <> 'canceled'
    LEFT JOIN saas.plans p ON p.id = s.plan_id
), keys AS (
  INSERT INTO saas.usage_event_keys (tenant_id, event_id, feature_key, units, occurred_at)
  SELECT tenant_id, event_id, feature_key, units, occurred_at
    FROM events WHERE event_id IS NOT NULL
   ORDER BY tenant_id, event_id, position
  ON CONFLICT (tenant_id, event_id) DO NOTHING
  RETURNING tenant_id, event_id
), counted AS (
  SELECT e.* FROM events e WHERE e.event_id IS NULL
  UNION ALL
  SELECT e.*
    FROM (SELECT DISTINCT ON (tenant_id, event_id) * FROM events
           WHERE event_id IS NOT NULL ORDER BY tenant_id, event_id, position) e
    JOIN keys USING (tenant_id, event_id)
), stored AS (
  INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at)
  SELECT tenant_id, feature_key, units, period, event_id, occurred_at FROM counted
), slots AS (
  INSERT INTO saas.usage_counter_slots AS slot (tenant_id, feature_key, period, slot, units, last_at)
  SELECT tenant_id, feature_key, period, $6,
         CASE aggregation
           WHEN 'sum' THEN sum(units)
           WHEN 'max' THEN max(units)
           ELSE (array_agg(units ORDER BY occurred_at DESC, position DESC))[1]
         END, max(occurred_at)
    FROM counted
   GROUP BY tenant_id, feature_key, period, aggregation
   ORDER BY tenant_id, feature_key, period
  ON CONFLICT (tenant_id, feature_key, period, slot) DO UPDATE
     SET units = CASE (SELECT aggregation FROM saas.features WHERE key = excluded.feature_key)
                   WHEN 'sum' THEN slot.units + excluded.units
                   WHEN 'max' THEN greatest(slot.units, excluded.units)
                   ELSE CASE WHEN excluded.last_at >= slot.last_at THEN excluded.units ELSE slot.units END
                 END,
         last_at = greatest(slot.last_at, excluded.last_at)
), conflicts AS (
  -- The same id for something else: the first one stands, and somebody should know.
  INSERT INTO saas.security_events (severity, kind, subject, tenant_id, evidence)
  SELECT 'low', 'usage_event_conflict', e.event_id, e.tenant_id,
         jsonb_build_object('feature_key', e.feature_key, 'units', e.units,
                            'first_feature_key', k.feature_key, 'first_units', k.units)
    FROM events e
    JOIN saas.usage_event_keys k ON k.tenant_id = e.tenant_id AND k.event_id = e.event_id
   WHERE (k.feature_key, k.units) IS DISTINCT FROM (e.feature_key, e.units)
)
SELECT (SELECT count(*) FROM counted),
       (SELECT count(*) FROM events),
       (SELECT coalesce(bool_or(too_old), false) FROM events),
       (SELECT coalesce(bool_or(too_new), false) FROM events)
