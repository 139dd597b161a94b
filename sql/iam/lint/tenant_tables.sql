-- The beginning of the queries that look at an application's tables of tenants.
WITH RECURSIVE application AS (
  -- Database roles that have access. A superuser is reported as such: he reaches everything.
  SELECT r.oid, g.kind FROM saas.access_grants g JOIN pg_roles r ON r.oid = g.role_id WHERE NOT r.rolsuper
), tenant_table AS (
  -- A column of it references saas.tenants, or is a uuid with the usual name. Of several the one counts that is guarded.
  SELECT DISTINCT ON (c.oid)
         c.oid, c.oid::regclass::text AS name, c.relkind, c.relispartition, c.relrowsecurity, c.relacl, c.relowner, a.attnum, a.attname,
         c.relowner = (SELECT t.relowner FROM pg_class t WHERE t.oid = 'saas.tenants'::regclass) AS is_own,
         EXISTS (SELECT FROM application r
                  WHERE has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(r.oid, c.oid, 'DELETE')) AS is_reached,
         EXISTS (SELECT FROM application r WHERE has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')) AS moves
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   CROSS JOIN LATERAL (
     SELECT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgfoid = 'saas.keep_tenant()'::regprocedure
                                              AND encode(g.tgargs, 'escape') = a.attname || '\000') AS is_guarded,
            EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = 'saas.tenants'::regclass
                                                 AND k.conkey = ARRAY[a.attnum]) AS is_reference
   ) AS facts
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname NOT IN ('saas', 'information_schema') AND n.nspname !~ '^pg_'
     AND (is_reference OR a.attname = 'tenant_id' AND a.atttypid = 'uuid'::regtype)
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
   ORDER BY c.oid, is_guarded DESC, a.attname = 'tenant_id' DESC, a.attnum
)
