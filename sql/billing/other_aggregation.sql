-- A feature of the terms $1 that is metered in another way already.
SELECT f.key
  FROM jsonb_to_recordset($1::text::jsonb -> 'features') AS x (feature_key text, aggregation text)
  JOIN saas.features f ON f.key = x.feature_key AND f.aggregation <> x.aggregation
 ORDER BY f.key LIMIT 1
