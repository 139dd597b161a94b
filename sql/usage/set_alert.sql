-- The alert of tenant $1 on feature $2 of kind $3 at threshold $4, made if it is not there.
WITH made AS (
  INSERT INTO saas.usage_alerts (tenant_id, id, feature_key, kind, threshold)
  SELECT $1, saas.uuid_v7(), $2, $3, $4
   WHERE NOT EXISTS (SELECT FROM saas.usage_alerts
                      WHERE tenant_id = $1 AND feature_key = $2 AND kind = $3 AND threshold = $4)
  RETURNING id
)
SELECT id FROM made
UNION ALL
SELECT id FROM saas.usage_alerts WHERE tenant_id = $1 AND feature_key = $2 AND kind = $3 AND threshold = $4
