-- Keys that leave the tenant out. One that is a uuid is taken to be random: nobody meets it by chance.
SELECT 'warning', CASE WHEN k.oid IS NULL THEN format('index %s', i.indexrelid::regclass) ELSE format('constraint %I on %s', k.conname, t.name) END,
       'unique over all tenants: an INSERT tells that another tenant has the value',
       CASE WHEN k.oid IS NULL
            THEN format('DROP INDEX %s; CREATE UNIQUE INDEX %I ON %s (%I, %s)%s%s', i.indexrelid::regclass, x.relname, t.name, t.attname, columns.list,
                        CASE WHEN i.indnullsnotdistinct THEN ' NULLS NOT DISTINCT' END, ' WHERE ' || pg_get_expr(i.indpred, i.indrelid))
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s%s (%I, %s)', t.name, k.conname, k.conname,
                        CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END,
                        CASE WHEN i.indnullsnotdistinct THEN ' NULLS NOT DISTINCT' END, t.attname, columns.list) END
  FROM tenant_table t
  JOIN pg_index i ON i.indrelid = t.oid AND i.indisunique
  JOIN pg_class x ON x.oid = i.indexrelid
  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = t.oid AND k.contype IN ('p', 'u')
 CROSS JOIN LATERAL (
   SELECT string_agg(pg_get_indexdef(i.indexrelid, n, false), ', ' ORDER BY n) AS list,
          bool_or(i.indkey[n - 1] = t.attnum) AS has_tenant,
          bool_or(a.atttypid = 'uuid'::regtype OR a.attidentity = 'a') AS is_given
     FROM generate_series(1, i.indnkeyatts) AS n
     LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[n - 1] AND a.attnum > 0
 ) AS columns
 WHERE NOT t.relispartition AND t.relrowsecurity AND NOT columns.has_tenant AND columns.is_given IS NOT TRUE
UNION ALL
SELECT 'error', format('constraint %I on %s', k.conname, t.name),
       format('it leaves the tenant out: a row can refer to a row of another tenant in %s', k.confrelid::regclass),
       concat(
         CASE WHEN NOT EXISTS (
                SELECT FROM pg_index i WHERE i.indrelid = k.confrelid AND i.indisunique AND i.indimmediate AND i.indpred IS NULL
                   AND ARRAY(SELECT i.indkey[n] FROM generate_series(0, i.indnkeyatts - 1) n ORDER BY 1)
                       = ARRAY(SELECT n FROM unnest(k.confkey || parent.attnum) n ORDER BY 1))
              THEN format('ALTER TABLE %s ADD UNIQUE (%I, %s); ', k.confrelid::regclass, parent.attname, referenced) END,
         format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I FOREIGN KEY (%I, %s) REFERENCES %s (%I, %s)', t.name, k.conname, k.conname,
                t.attname, referencing, k.confrelid::regclass, parent.attname, referenced),
         CASE k.confupdtype WHEN 'c' THEN ' ON UPDATE CASCADE' WHEN 'r' THEN ' ON UPDATE RESTRICT' END,
         CASE k.confdeltype WHEN 'c' THEN ' ON DELETE CASCADE' WHEN 'r' THEN ' ON DELETE RESTRICT'
                            WHEN 'n' THEN format(' ON DELETE SET NULL (%s)', referencing)
                            WHEN 'd' THEN format(' ON DELETE SET DEFAULT (%s)', referencing) END,
         CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE' END)
  FROM tenant_table t
  JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' AND k.conparentid = 0
  JOIN (SELECT oid, attnum, attname FROM tenant_table
        UNION ALL
        SELECT a.attrelid, a.attnum, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id' AND a.attnotnull) parent
    ON parent.oid = k.confrelid
 CROSS JOIN LATERAL (
   SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY n) AS referencing, string_agg(quote_ident(f.attname), ', ' ORDER BY n) AS referenced,
          bool_or(a.attnum = t.attnum AND f.attnum = parent.attnum) AS has_tenant
     FROM generate_subscripts(k.conkey, 1) n
     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[n]
     JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[n]
 ) AS columns
 WHERE NOT t.relispartition AND NOT columns.has_tenant AND k.confrelid <> 'saas.tenants'::regclass
