-- A currency of the terms $1 that there is not.
SELECT k.code FROM jsonb_object_keys(coalesce(nullif($1::jsonb -> 'amounts', 'null'), '{}')) AS k (code)
 WHERE NOT EXISTS (SELECT FROM saas.currencies c WHERE c.code = k.code) LIMIT 1
