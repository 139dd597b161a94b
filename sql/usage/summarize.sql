-- Fixes what each tenant ($1) used in its period ($2), unless that is closed; for ever if it is closed now ($3).
INSERT INTO saas.usage_summaries AS s (tenant_id, feature_key, period, units_used, closed_at)
SELECT r.tenant_id, r.feature_key, r.period, r.count, CASE WHEN $3 THEN now() END
  FROM (SELECT DISTINCT tenant_id, period FROM unnest($1::uuid[], $2::date[]) AS d (tenant_id, period)) d
  JOIN saas.usage_records r ON r.tenant_id = d.tenant_id AND r.period = d.period
 WHERE NOT EXISTS (SELECT FROM saas.billed_periods b WHERE b.tenant_id = d.tenant_id AND b.period = d.period AND b.kind = 'billed')
ON CONFLICT (tenant_id, feature_key, period) DO UPDATE
   SET units_used = excluded.units_used, closed_at = excluded.closed_at,
       rolled_up_at = CASE WHEN s.units_used <> excluded.units_used THEN now() ELSE s.rolled_up_at END
 WHERE s.closed_at IS NULL AND (s.units_used <> excluded.units_used OR $3)
