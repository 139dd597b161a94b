-- Adds to counters ($1 tenants, $2 features, $3 periods, each once; $4 units; $5 when) in their slot $6. Sorted as by those
-- who fold, so that nobody waits in a circle.
INSERT INTO saas.usage_counter_slots AS slot (tenant_id, feature_key, period, slot, units, last_at)
SELECT tenant_id, feature_key, period, $6, units, last_at
  FROM unnest($1::uuid[], $2::text[], $3::date[], $4::bigint[], $5::timestamptz[])
       AS c (tenant_id, feature_key, period, units, last_at)
 ORDER BY tenant_id, feature_key, period
ON CONFLICT (tenant_id, feature_key, period, slot) DO UPDATE
   SET units = CASE (SELECT aggregation FROM saas.features WHERE key = excluded.feature_key)
                 WHEN 'sum' THEN saas.usage_count(slot.tenant_id, slot.feature_key, slot.period, slot.units::numeric + excluded.units)
                 WHEN 'max' THEN greatest(slot.units, excluded.units)
                 ELSE CASE WHEN excluded.last_at >= slot.last_at THEN excluded.units ELSE slot.units END
               END,
       last_at = greatest(slot.last_at, excluded.last_at)
