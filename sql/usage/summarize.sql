-- Fixes what each tenant ($1) used in its period ($2), unless that is closed.
INSERT INTO saas.usage_summaries AS s (tenant_id, feature_key, period, units_used)
SELECT r.tenant_id, r.feature_key, r.period, r.count
  FROM (SELECT DISTINCT tenant_id, period FROM unnest($1::uuid[], $2::date[]) AS d (tenant_id, period)) d
  JOIN saas.usage_records r ON r.tenant_id = d.tenant_id AND r.period = d.period
 WHERE NOT EXISTS (SELECT FROM saas.billed_periods b WHERE b.tenant_id = d.tenant_id AND b.period = d.period AND b.kind = 'billed')
ON CONFLICT (tenant_id, feature_key, period) DO UPDATE
   SET units_used = excluded.units_used, rolled_up_at = now()
 WHERE s.closed_at IS NULL AND s.units_used <> excluded.units_used
