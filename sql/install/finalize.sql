-- The last part of CREATE EXTENSION: who may call the functions, and the tables.

-- PUBLIC has nothing. The data owner, who is the database's, has the schema, may call everything and
-- give it on. In a restore the dump has brought the schema, and with it its owner.
REVOKE ALL ON ALL ROUTINES IN SCHEMA saas FROM PUBLIC;
DO $$
BEGIN
  EXECUTE (
    SELECT pg_catalog.format(pg_catalog.concat(CASE WHEN r.rolsuper THEN 'ALTER SCHEMA saas OWNER TO %1$s;' END,
                                                'GRANT EXECUTE ON ALL ROUTINES IN SCHEMA saas TO %1$s WITH GRANT OPTION'),
                             CASE WHEN r.rolsuper THEN d.datdba ELSE n.nspowner END::pg_catalog.regrole)
      FROM pg_catalog.pg_namespace n
      JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
      JOIN pg_catalog.pg_database d ON d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
     WHERE n.nspname OPERATOR(pg_catalog.=) 'saas');
END $$;

-- A dump brings the tables itself. What is restored from a dump says so by row_security = off.
SELECT saas.install() WHERE pg_catalog.current_setting('row_security')::boolean;
