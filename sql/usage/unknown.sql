-- The first of the events that names an unknown tenant or feature.
SELECT t.id IS NULL, e.feature_key, e.position - 1
  FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS e (tenant_id, feature_key, position)
  LEFT JOIN saas.tenants t ON t.id = e.tenant_id AND t.deleted_at IS NULL
  LEFT JOIN saas.features f ON f.key = e.feature_key
 WHERE t.id IS NULL OR f.key IS NULL
 ORDER BY e.position LIMIT 1
