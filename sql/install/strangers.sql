-- Refuses a schema saas in which somebody else has put something: it could be found in our place, or
-- run with our rights. First of all in CREATE EXTENSION, when nothing of ours is there yet, and again
-- in every saas.install(). An empty schema of a superuser is fair when a superuser installs:
-- CREATE EXTENSION has just made it.
DO $$
DECLARE
  path     text := pg_catalog.current_setting('search_path');
  owner    oid;
  stranger text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  SELECT datdba INTO owner FROM pg_database WHERE datname = current_database();
  -- A restore (row_security = off) brings the schema with its owner, in whosever database.
  IF NOT current_setting('row_security')::boolean AND to_regprocedure('saas.install()') IS NULL THEN
    owner := coalesce((SELECT n.nspowner FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
                        WHERE n.nspname = 'saas' AND NOT r.rolsuper), owner);
  END IF;
  SELECT format('%s belongs to %s, not to %s, who owns the database',
                pg_describe_object(o.classid, o.objid, 0), o.owner::regrole, strangers.owner::regrole)
    INTO stranger
    FROM (SELECT owner) strangers,
         LATERAL (
           SELECT 'pg_namespace'::regclass::oid AS classid, n.oid AS objid, n.nspowner AS owner
             FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
            WHERE n.nspname = 'saas'
              AND NOT (r.rolsuper AND (SELECT u.rolsuper FROM pg_roles u WHERE u.rolname = current_user))
           UNION ALL
           -- Whatever is in the schema. An owner that is not recorded is the bootstrap superuser.
           SELECT d.classid, d.objid, coalesce(s.refobjid, 10)
             FROM pg_depend d
             LEFT JOIN pg_shdepend s ON s.dbid = (SELECT db.oid FROM pg_database db WHERE db.datname = current_database())
                                    AND s.classid = d.classid AND s.objid = d.objid AND s.objsubid = 0 AND s.deptype = 'o'
            WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace('saas')
              AND d.classid NOT IN ('pg_extension'::regclass, 'pg_publication_namespace'::regclass)
              AND NOT EXISTS (SELECT FROM pg_depend m JOIN pg_extension e ON e.oid = m.refobjid
                               WHERE m.classid = d.classid AND m.objid = d.objid AND m.deptype = 'e'
                                 AND m.refclassid = 'pg_extension'::regclass AND e.extname = 'saas_core')
         ) o
   WHERE o.owner <> strangers.owner
   ORDER BY pg_describe_object(o.classid, o.objid, 0) LIMIT 1;
  IF stranger IS NOT NULL THEN
    RAISE EXCEPTION '%: saas_core is not installed beside it', stranger
      USING ERRCODE = 'insufficient_privilege',
            HINT = 'Give the database and everything in schema saas to one role, or drop what is not yours.';
  END IF;
  PERFORM set_config('search_path', path, true);
END $$;
