-- Raises the alerts whose thresholds are reached at $1 and that were not raised in that period; only of tenants $2
-- and feature $3 if given. A forecast waits for the period's second day. Who listens is told that there is
-- something, not what and of whom: anybody may listen.
WITH reached AS (
  SELECT w.tenant_id, w.id, a.period_start, w.feature_key, w.kind, w.threshold, a.used, a.included
    FROM saas.usage_alerts w
   CROSS JOIN LATERAL saas.usage_allowance(w.tenant_id, w.feature_key, $1, NULL) a
   WHERE ($2 IS NULL OR w.tenant_id = ANY ($2)) AND ($3 IS NULL OR w.feature_key = $3)
     AND CASE w.kind
           WHEN 'units' THEN a.used >= w.threshold
           WHEN 'percent' THEN a.included > 0 AND a.used * 100::numeric >= a.included * w.threshold
           ELSE a.included > 0 AND a.aggregation = 'sum' AND $1 >= a.starts_at + interval '1 day'
                AND a.used * 100::numeric * extract(epoch FROM a.ends_at - a.starts_at)
                    >= a.included * w.threshold * extract(epoch FROM $1 - a.starts_at)
         END
), raised AS (
  INSERT INTO saas.usage_alerts_raised (tenant_id, alert_id, period, feature_key, kind, threshold, used, included)
  SELECT tenant_id, id, period_start, feature_key, kind, threshold, used, included FROM reached
   ORDER BY tenant_id, id
  ON CONFLICT (tenant_id, alert_id, period) DO NOTHING
  RETURNING alert_id
)
SELECT pg_notify('saas_usage_alert', '') FROM raised
