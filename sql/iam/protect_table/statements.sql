-- What protects table $1, whose column $2 names the tenant, by permission $3 to read and $4 to write, in statements: those that
-- are not done yet. Policies of this function have the comment $5.
WITH target AS (
  SELECT c.oid, c.oid::regclass AS name, c.relkind, c.relrowsecurity, a.attnum, a.attnotnull
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2
   WHERE c.oid = $1
), wanted_policy AS (
  SELECT v.name, v.command, v.letter,
         CASE WHEN v.letter <> 'a' THEN condition END AS qual,
         CASE WHEN v.letter IN ('a', 'w') THEN condition END AS with_check
    FROM (VALUES ('app_read', 'SELECT', 'r', $3::text), ('app_insert', 'INSERT', 'a', $4::text),
                 ('app_update', 'UPDATE', 'w', $4), ('app_delete', 'DELETE', 'd', $4)) AS v (name, command, letter, permission)
   CROSS JOIN LATERAL format('saas.has_tenant_permission(%I, %L::text)', $2, v.permission) AS condition
   WHERE v.permission IS NOT NULL
), policy AS (
  -- Written as PostgreSQL writes them, so that texts compare.
  SELECT p.polname::text AS name,
         EXISTS (SELECT FROM wanted_policy w
                  WHERE w.name = p.polname AND w.letter = p.polcmd::text AND p.polpermissive
                    AND (w.qual, w.with_check) IS NOT DISTINCT FROM
                        (pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))) AS stays
    FROM pg_policy p
   WHERE p.polrelid = $1 AND obj_description(p.oid, 'pg_policy') = $5
), wanted_trigger AS (
  -- After all that other triggers may still change. A row that goes to another partition is no update any more by then: there the
  -- last one before has to do.
  SELECT v.name, v.moment,
         format('CREATE TRIGGER %s %s UPDATE ON %s FOR EACH ROW WHEN ((old.%4$I IS DISTINCT FROM new.%4$I)) EXECUTE FUNCTION saas.keep_tenant(''%5$s'')',
                v.name, v.moment, t.name, $2, replace($2, '''', '''''')) AS definition
    FROM target t, (VALUES ('trg_tenant_fixed', 'AFTER'), ('zz_tenant_fixed', 'BEFORE')) AS v (name, moment)
   WHERE v.moment = 'AFTER' OR t.relkind = 'p'
), trigger AS (
  SELECT g.tgname::text AS name, w.name IS NOT NULL AS stays,
         g.tgenabled = 'A' AND NOT EXISTS (SELECT FROM pg_partition_tree($1) part JOIN pg_trigger c ON c.tgrelid = part.relid
                                            WHERE c.tgname = g.tgname AND c.tgfoid = g.tgfoid AND c.tgenabled <> 'A') AS is_always
    FROM pg_trigger g LEFT JOIN wanted_trigger w ON w.name = g.tgname AND w.definition = pg_get_triggerdef(g.oid)
   WHERE g.tgrelid = $1 AND g.tgname IN ('trg_tenant_fixed', 'zz_tenant_fixed')
)
SELECT statement FROM (
  SELECT 1 AS turn, '' AS name, format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', t.name, $2) AS statement
    FROM target t WHERE NOT t.attnotnull
  UNION ALL
  SELECT 2, '', format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES saas.tenants (id)', t.name, $2)
    FROM target t
   WHERE NOT EXISTS (SELECT FROM pg_constraint k
                      WHERE k.conrelid = t.oid AND k.contype = 'f' AND k.confrelid = 'saas.tenants'::regclass
                        AND k.conkey = ARRAY[t.attnum] AND k.convalidated)
  UNION ALL
  SELECT 3, '', format('CREATE INDEX ON %s (%I)', t.name, $2)
    FROM target t
   WHERE NOT EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
                      WHERE i.indrelid = t.oid AND m.amname = 'btree' AND i.indisvalid AND i.indisready AND i.indpred IS NULL
                        AND i.indkey[0] = t.attnum)
  UNION ALL
  SELECT 4, g.name, format('DROP TRIGGER %I ON %s', g.name, t.name) FROM target t, trigger g WHERE NOT g.stays
  UNION ALL
  SELECT 5, w.name, w.definition FROM wanted_trigger w WHERE w.name NOT IN (SELECT g.name FROM trigger g WHERE g.stays)
  UNION ALL
  SELECT 6, w.name, format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.name, w.name)
    FROM target t, wanted_trigger w
   WHERE w.name NOT IN (SELECT g.name FROM trigger g WHERE g.stays AND g.is_always)
  UNION ALL
  SELECT 7, p.name, format('DROP POLICY %I ON %s', p.name, t.name) FROM target t, policy p WHERE NOT p.stays
  UNION ALL
  -- Whom it is for comes next; it has to be for somebody.
  SELECT 8, w.name, concat(format('CREATE POLICY %I ON %s FOR %s TO CURRENT_USER', w.name, t.name, w.command),
                           ' USING (' || w.qual || ')', ' WITH CHECK (' || w.with_check || ')')
    FROM target t, wanted_policy w WHERE w.name NOT IN (SELECT p.name FROM policy p WHERE p.stays)
  UNION ALL
  SELECT 9, w.name, format('COMMENT ON POLICY %I ON %s IS %L', w.name, t.name, $5)
    FROM target t, wanted_policy w WHERE w.name NOT IN (SELECT p.name FROM policy p WHERE p.stays)
  UNION ALL
  SELECT 10, '', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name) FROM target t WHERE NOT t.relrowsecurity
) statements
 ORDER BY turn, name
