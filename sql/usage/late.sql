-- What arrived after the period was closed waits for the next invoice: for tenants $1, features $2, periods $3.
INSERT INTO saas.usage_adjustments (tenant_id, feature_key, period, units)
SELECT r.tenant_id, r.feature_key, r.period, late.units
  FROM unnest($1::uuid[], $2::text[], $3::date[]) AS l (tenant_id, feature_key, period)
  JOIN saas.usage_records r USING (tenant_id, feature_key, period)
  JOIN saas.usage_summaries s USING (tenant_id, feature_key, period)
 CROSS JOIN LATERAL (
   SELECT r.count - s.units_used - coalesce(sum(a.units), 0) AS units
     FROM saas.usage_adjustments a
    WHERE a.tenant_id = r.tenant_id AND a.feature_key = r.feature_key AND a.period = r.period
 ) late
 WHERE late.units <> 0
