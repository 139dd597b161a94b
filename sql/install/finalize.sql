-- The last part of CREATE EXTENSION: what the functions are, who may call them, and the tables.

COMMENT ON FUNCTION saas.install() IS
'Makes the tables, seed rows, triggers and policies that are missing, as the data owner; running it again changes nothing. Errors: 42501 unless called by the database''s owner or a superuser, or when somebody else has objects in schema saas.';

-- PUBLIC has nothing. The data owner may call everything and give it on.
REVOKE ALL ON ALL ROUTINES IN SCHEMA saas FROM PUBLIC;
DO $$
BEGIN
  EXECUTE pg_catalog.format('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA saas TO %s WITH GRANT OPTION',
    (SELECT datdba::pg_catalog.regrole FROM pg_catalog.pg_database
      WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()));
END $$;

-- A dump brings the tables itself. What is restored from a dump says so by row_security = off.
SELECT saas.install() WHERE pg_catalog.current_setting('row_security')::boolean;
