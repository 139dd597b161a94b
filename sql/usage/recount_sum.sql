-- Folds a counter that adds up, of which $4 units more were used, or less: $1 tenant, $2 feature, $3 period.
WITH folded AS (
  DELETE FROM saas.usage_counter_slots WHERE tenant_id = $1 AND feature_key = $2 AND period = $3 RETURNING units
)
INSERT INTO saas.usage_records (tenant_id, feature_key, period, count)
SELECT $1, $2, $3,
       saas.usage_count($1, $2, $3,
         coalesce((SELECT count FROM saas.usage_records WHERE tenant_id = $1 AND feature_key = $2 AND period = $3), 0)
         + coalesce((SELECT sum(units) FROM folded), 0) + $4)
ON CONFLICT (tenant_id, feature_key, period) DO UPDATE SET count = excluded.count
