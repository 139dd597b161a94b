-- A closed period in which a feature had not been used at all was closed with zero units of it:
-- for tenants $1, features $2, periods $3.
INSERT INTO saas.usage_summaries (tenant_id, feature_key, period, units_used, closed_at)
SELECT tenant_id, feature_key, period, 0, now()
  FROM unnest($1::uuid[], $2::text[], $3::date[]) AS l (tenant_id, feature_key, period)
ON CONFLICT (tenant_id, feature_key, period) DO NOTHING
