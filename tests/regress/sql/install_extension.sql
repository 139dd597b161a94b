-- The extension is there, and the owner of the database is no superuser.
SELECT extname, nspname AS schema
FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE extname = 'saas_core';
SELECT rolname, rolsuper
FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba
WHERE datname = current_database();
