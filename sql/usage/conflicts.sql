-- Events ($1 tenants, $2 features, $3 units, $4 ids) whose id stands for something else: the first one
-- stands, and somebody should know.
INSERT INTO saas.security_events (severity, kind, subject, tenant_id, evidence)
SELECT 'low', 'usage_event_conflict', e.event_id, e.tenant_id,
       jsonb_build_object('feature_key', e.feature_key, 'units', e.units,
                          'first_feature_key', k.feature_key, 'first_units', k.units)
  FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[]) AS e (tenant_id, feature_key, units, event_id)
  JOIN saas.usage_event_keys k ON k.tenant_id = e.tenant_id AND k.event_id = e.event_id
 WHERE (k.feature_key, k.units) IS DISTINCT FROM (e.feature_key, e.units)
