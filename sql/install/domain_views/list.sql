-- The views of schema $1, each with its table.
SELECT v.relname::text, substring(obj_description(v.oid, 'pg_class') FROM '^The table saas\.(\w+) by its domain name\.$')
  FROM pg_class v
  JOIN pg_namespace n ON n.oid = v.relnamespace
 WHERE v.relkind = 'v' AND n.nspname = $1
   AND v.relowner = (SELECT relowner FROM pg_class WHERE oid = 'saas.tenants'::regclass)
   AND obj_description(v.oid, 'pg_class') ~ '^The table saas\.\w+ by its domain name\.$'
 ORDER BY 1
