-- Every row key defaults to a UUID version 7. Dropping the extension drops the defaults, so that
-- they are made again when it comes back.
SELECT format('ALTER TABLE saas.%I ALTER COLUMN id SET DEFAULT saas.uuid_v7()', c.relname)
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped
 WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND a.atttypid = 'uuid'::regtype AND NOT a.atthasdef
 ORDER BY c.relname
