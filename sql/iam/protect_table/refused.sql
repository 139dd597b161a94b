-- Why table $1 with tenant column $2 can't be protected, and whether that is because it is not the caller's. No row if it can.
SELECT is_denied, problem
  FROM (SELECT 1) one
  LEFT JOIN pg_class c ON c.oid = $1
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
 CROSS JOIN LATERAL (
   SELECT 1 AS turn, false AS is_denied,
          CASE
            WHEN c.oid IS NULL THEN 'there is no such table'
            WHEN c.relkind NOT IN ('r', 'p') THEN format('%s is no table', c.oid::regclass)
            WHEN c.relpersistence = 't' THEN format('%s is a temporary table', c.oid::regclass)
            WHEN c.relispartition THEN format('%s is a partition: protect the table that it is part of', c.oid::regclass)
            WHEN n.nspname = 'saas' OR n.nspname ~ '^pg_' OR n.nspname = 'information_schema' THEN
              format('%s is no table of an application', c.oid::regclass)
            -- A policy is for one table: rows of the others are reached through theirs.
            WHEN c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid)) THEN
              format('%s shares rows with other tables by inheritance: use partitions', c.oid::regclass)
          END AS problem
   UNION ALL
   SELECT 2, true, format('%s belongs to %s: only tables of the data owner are protected', c.oid::regclass, c.relowner::regrole)
    WHERE c.relowner <> (SELECT t.relowner FROM pg_class t WHERE t.oid = 'saas.tenants'::regclass)
   UNION ALL
   SELECT 3, false, CASE WHEN a.attnum IS NULL THEN format('%s has no column %I', c.oid::regclass, $2)
                         WHEN a.atttypid <> 'uuid'::regtype THEN format('column %I of %s is no uuid', $2, c.oid::regclass) END
 ) reasons
 WHERE problem IS NOT NULL
 ORDER BY turn LIMIT 1
