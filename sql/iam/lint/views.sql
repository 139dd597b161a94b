-- Views that read past row-level security.
, guarded AS (
  SELECT oid FROM tenant_table
  UNION ALL SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p')
), reading AS (
  SELECT DISTINCT r.ev_class AS view, d.refobjid AS relation
    FROM pg_rewrite r
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
    JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
), reaching (view, relation) AS (
  SELECT r.view, r.relation FROM reading r WHERE r.relation IN (SELECT g.oid FROM guarded g)
  UNION
  SELECT r.view, f.relation FROM reaching f JOIN reading r ON r.relation = f.view
), reader AS (
  -- Who, of the applications and what they are members of, was given something on a view.
  SELECT v.oid AS view, string_agg(DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END, ', ') AS names
    FROM pg_class v
   CROSS JOIN LATERAL (
     SELECT grantee FROM aclexplode(v.relacl)
     UNION ALL SELECT x.grantee FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = v.oid) g
   WHERE v.relkind IN ('v', 'm') AND g.grantee <> v.relowner
     AND (g.grantee = 0 OR EXISTS (SELECT FROM application r WHERE pg_has_role(r.oid, g.grantee, 'USAGE')))
   GROUP BY v.oid
)
SELECT CASE WHEN EXISTS (SELECT FROM application r WHERE has_any_column_privilege(r.oid, v.oid, 'SELECT')) THEN 'error' ELSE 'warning' END,
       format('view %s', v.oid::regclass),
       format('it reads %s as %s, whoever asks', string_agg(r.relation::regclass::text, ', ' ORDER BY r.relation::regclass::text), v.relowner::regrole),
       format('ALTER VIEW %s SET (security_invoker = true)', v.oid::regclass)
  FROM pg_class v JOIN reading r ON r.view = v.oid AND r.relation IN (SELECT g.oid FROM guarded g)
 WHERE v.relkind = 'v'
   AND NOT EXISTS (SELECT FROM pg_options_to_table(v.reloptions) o WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)
 GROUP BY v.oid, v.relowner
UNION ALL
SELECT 'error', format('materialized view %s', v.oid::regclass),
       format('it keeps rows of %s, without policies, for %s', string_agg(DISTINCT r.relation::regclass::text, ', '), names),
       format('REVOKE ALL ON %s FROM %s', v.oid::regclass, names)
  FROM pg_class v JOIN reaching r ON r.view = v.oid JOIN reader ON reader.view = v.oid
 WHERE v.relkind = 'm'
 GROUP BY v.oid, names
