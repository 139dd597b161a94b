-- Everything that a dump, an adoption or a second install must leave as it was: one line an object.
-- Names instead of oids, lists sorted, so that two databases can be compared, also of different versions.
SET search_path = pg_catalog;
WITH
spaces AS (SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname IN ('saas', 'app')),
relations AS (SELECT c.*, format('%I.%I', s.nspname, c.relname) AS name FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace),
acls (object, acl) AS (
  SELECT 'schema ' || nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM spaces
  UNION ALL SELECT name, coalesce(relacl, acldefault('r', relowner)) FROM relations WHERE relkind IN ('r', 'p', 'v')
  UNION ALL SELECT format('%s.%I', r.name, a.attname), a.attacl FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
  UNION ALL SELECT p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
)
SELECT 'schema ' || nspname || ' of ' || nspowner::regrole FROM spaces
UNION ALL
SELECT format('relation %s kind %s of %s rls %s force %s options %s persistence %s partition %s %s', name, relkind, relowner::regrole,
              relrowsecurity, relforcerowsecurity, reloptions, relpersistence, pg_get_expr(relpartbound, oid),
              CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid) END)
  FROM relations WHERE relkind <> 'i'
UNION ALL
SELECT format('column %s.%I %s not null %s default %s generated %s', r.name, a.attname, format_type(a.atttypid, a.atttypmod),
              a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated)
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
 WHERE r.relkind IN ('r', 'p', 'v')
UNION ALL
SELECT format('index %s valid %s', pg_get_indexdef(i.indexrelid), i.indisvalid) FROM pg_index i JOIN relations r ON r.oid = i.indexrelid
UNION ALL
SELECT format('constraint %s on %s: %s valid %s', k.conname, r.name, pg_get_constraintdef(k.oid), k.convalidated)
  FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid WHERE k.contype <> 'n'
UNION ALL
SELECT format('policy %I on %s for %s to %s using %s with check %s', p.polname, r.name, p.polcmd,
              (SELECT string_agg(CASE o WHEN 0 THEN 'public' ELSE o::regrole::text END, ', ' ORDER BY o::regrole::text COLLATE "C") FROM unnest(p.polroles) o),
              pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
UNION ALL
SELECT format('trigger %s enabled %s', pg_get_triggerdef(t.oid), t.tgenabled)
  FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT format('%s %s of %s returns %s volatile %s strict %s parallel %s definer %s config %s body %s defaults %s', p.prokind, p.oid::regprocedure,
              p.proowner::regrole, p.prorettype::regtype, p.provolatile, p.proisstrict, p.proparallel, p.prosecdef, p.proconfig, md5(p.prosrc),
              pg_get_expr(p.proargdefaults, 0))
  FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
UNION ALL
-- MAINTAIN is of PostgreSQL 17.
SELECT format('grant %s on %s to %s by %s%s', x.privilege_type, a.object, CASE x.grantee WHEN 0 THEN 'public' ELSE x.grantee::regrole::text END,
              x.grantor::regrole, CASE WHEN x.is_grantable THEN ' with grant option' ELSE '' END)
  FROM acls a, aclexplode(a.acl) x WHERE x.privilege_type <> 'MAINTAIN'
UNION ALL
SELECT format('comment on %s: %s', pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description)
  FROM pg_description d
 WHERE (d.classoid, d.objoid) IN (SELECT 'pg_class'::regclass, oid FROM relations
                                  UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
                                  UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p JOIN relations r ON r.oid = p.polrelid)
UNION ALL
SELECT format('member %s', pg_describe_object(d.classid, d.objid, d.objsubid))
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'saas_core'
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
 ORDER BY 1;
