-- Adds an event to slot $6 of its counter, as its feature adds up ($7): $1 tenant, $2 feature, $3 period, $4 units, $5 time.
INSERT INTO saas.usage_counter_slots AS slot (tenant_id, feature_key, period, slot, units, last_at)
VALUES ($1, $2, $3, $6, $4, $5)
ON CONFLICT (tenant_id, feature_key, period, slot) DO UPDATE
   SET units = CASE $7::text
                 WHEN 'sum' THEN saas.usage_count(slot.tenant_id, slot.feature_key, slot.period, slot.units::numeric + excluded.units)
                 WHEN 'max' THEN greatest(slot.units, excluded.units)
                 ELSE CASE WHEN excluded.last_at >= slot.last_at THEN excluded.units ELSE slot.units END
               END,
       last_at = greatest(slot.last_at, excluded.last_at)
