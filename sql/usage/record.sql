-- Counts usage events, each event id once: $1 tenants, $2 features, $3 units, $4 event ids (NULL: not
-- deduplicated), $5 times, $6 which of a counter's slots to write. Sorted, so that two sessions that
-- write the same rows take them in the same order. Returns how many were new, how many name a known tenant
-- and feature, and the (first) period of the new ones.
WITH events AS (
  SELECT e.position, e.tenant_id, e.feature_key, e.units, e.event_id, e.occurred_at, f.aggregation,
         saas.usage_period(s.billing_cycle, s.anchor, t.time_zone, e.occurred_at) AS period
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
         WITH ORDINALITY AS e (tenant_id, feature_key, units, event_id, occurred_at, position)
    JOIN saas.tenants t ON t.id = e.tenant_id AND t.deleted_at IS NULL
    JOIN saas.features f ON f.key = e.feature_key
    -- The subscription of that time, since a late event may belong to one that has ended.
    LEFT JOIN LATERAL (
      SELECT s.anchor, p.billing_cycle
        FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id
       WHERE s.tenant_id = t.id AND (s.status <> 'canceled' OR e.occurred_at < s.ended_at)
       ORDER BY s.anchor <= e.occurred_at DESC, s.anchor DESC LIMIT 1
    ) s ON true
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
           WHEN 'sum' THEN saas.usage_count(tenant_id, feature_key, period, sum(units))
           WHEN 'max' THEN max(units)
           ELSE (array_agg(units ORDER BY occurred_at DESC, position DESC))[1]
         END, max(occurred_at)
    FROM counted
   GROUP BY tenant_id, feature_key, period, aggregation
   ORDER BY tenant_id, feature_key, period
  ON CONFLICT (tenant_id, feature_key, period, slot) DO UPDATE
     SET units = CASE (SELECT aggregation FROM saas.features WHERE key = excluded.feature_key)
                   WHEN 'sum' THEN saas.usage_count(slot.tenant_id, slot.feature_key, slot.period, slot.units::numeric + excluded.units)
                   WHEN 'max' THEN greatest(slot.units, excluded.units)
                   ELSE CASE WHEN excluded.last_at >= slot.last_at THEN excluded.units ELSE slot.units END
                 END,
         last_at = greatest(slot.last_at, excluded.last_at)
)
SELECT (SELECT count(*) FROM counted), (SELECT count(*) FROM events), (SELECT min(period) FROM counted)
