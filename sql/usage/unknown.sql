-- Those of the events ($1 tenants, $2 features) that name an unknown tenant or feature, by position from 0.
SELECT e.position - 1, t.id IS NULL, e.feature_key
  FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS e (tenant_id, feature_key, position)
  LEFT JOIN saas.tenants t ON t.id = e.tenant_id AND t.deleted_at IS NULL
  LEFT JOIN saas.features f ON f.key = e.feature_key
 WHERE t.id IS NULL OR f.key IS NULL
 ORDER BY e.position
