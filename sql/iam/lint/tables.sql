-- Row-level security that is not there, does nothing, or lets something past.
SELECT CASE WHEN t.is_reached THEN 'error' ELSE 'warning' END, 'table ' || t.name,
       CASE WHEN t.relispartition THEN 'a partition that applications reach past the policies of its table'
            WHEN has_policies THEN 'row-level security is off: its policies do nothing'
            ELSE 'it has rows of tenants and no row-level security' END,
       CASE WHEN t.relispartition OR has_policies OR NOT t.is_own THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name)
            ELSE format('SELECT saas.protect_table(%L, read => %L%s)', t.name, 'tenant.read',
                        CASE WHEN t.attname <> 'tenant_id' THEN format(', tenant_column => %L', t.attname) END) END
  FROM tenant_table t, LATERAL (SELECT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid) AS has_policies) AS has
 WHERE NOT t.relrowsecurity AND (t.is_reached OR NOT t.relispartition)
UNION ALL
SELECT 'error', format('table %s', c.oid::regclass), 'row-level security is off: its policies do nothing',
       CASE WHEN c.relnamespace = 'saas'::regnamespace THEN 'SELECT saas.install()'
            ELSE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', c.oid::regclass) END
  FROM pg_class c
 WHERE NOT c.relrowsecurity AND c.relkind IN ('r', 'p') AND c.oid NOT IN (SELECT t.oid FROM tenant_table t)
   AND (c.relnamespace = 'saas'::regnamespace OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
UNION ALL
SELECT 'warning', 'table ' || t.name, 'row-level security without a policy to read by: applications see no row',
       format('SELECT saas.protect_table(%L, read => %L%s)', t.name, 'tenant.read',
              CASE WHEN t.attname <> 'tenant_id' THEN format(', tenant_column => %L', t.attname) END)
  FROM tenant_table t
 WHERE t.relrowsecurity AND NOT t.relispartition AND t.is_reached
   AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polpermissive AND p.polcmd IN ('r', '*'))
UNION ALL
SELECT 'warning', 'table ' || t.name, format('no index leads with %I: policies ask about each row', t.attname),
       format('CREATE INDEX ON %s (%I)', t.name, t.attname)
  FROM tenant_table t
 WHERE t.relrowsecurity AND NOT t.relispartition
   AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
                    WHERE i.indrelid = t.oid AND m.amname = 'btree' AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = t.attnum)
UNION ALL
SELECT 'error', 'table ' || t.name, format('rows may move to another tenant: applications may UPDATE %I', t.attname),
       format('CREATE TRIGGER trg_tenant_fixed AFTER UPDATE ON %1$s FOR EACH ROW WHEN (OLD.%2$I IS DISTINCT FROM NEW.%2$I) EXECUTE FUNCTION saas.keep_tenant(%3$L); '
              'ALTER TABLE %1$s ENABLE ALWAYS TRIGGER trg_tenant_fixed', t.name, t.attname, t.attname)
  FROM tenant_table t
 WHERE t.relrowsecurity AND NOT t.relispartition AND t.moves
   AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid AND g.tgfoid = 'saas.keep_tenant()'::regprocedure
                                             AND CASE WHEN g.tgnargs = 0 THEN 'tenant_id' ELSE left(encode(g.tgargs, 'escape'), -4) END = t.attname)
   AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polpermissive AND p.polcmd IN ('w', '*')
                                        -- The current tenant, before and after.
                                        AND coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid))
                                            NOT LIKE format('%%%I = saas.authorized_tenant_id(%%', t.attname))
UNION ALL
-- TRUNCATE asks no policy, a trigger of an application's sees all rows, and a foreign key tells which keys there are.
SELECT 'error', format('table %s', c.oid::regclass),
       format('%s: %s, past its policies', string_agg(DISTINCT named.grantee, ', '), string_agg(DISTINCT g.privilege_type, ', ')),
       format('REVOKE %s ON %s FROM %s', string_agg(DISTINCT g.privilege_type, ', '), c.oid::regclass, string_agg(DISTINCT named.grantee, ', '))
  FROM pg_class c, aclexplode(c.relacl) g,
       LATERAL (SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END AS grantee) AS named
 WHERE c.relrowsecurity AND c.relkind IN ('r', 'p') AND g.privilege_type IN ('TRUNCATE', 'TRIGGER', 'REFERENCES')
   AND CASE g.grantee WHEN 0 THEN true
                      ELSE g.grantee <> c.relowner AND EXISTS (SELECT FROM application r WHERE pg_has_role(r.oid, g.grantee, 'USAGE')) END
 GROUP BY c.oid
