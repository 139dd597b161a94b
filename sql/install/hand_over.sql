-- What a superuser's CREATE EXTENSION or restore left with the superuser, and the data owner $1 is to have.
SELECT format('ALTER SCHEMA saas OWNER TO %s', $1::oid::regrole)
  FROM pg_namespace WHERE nspname = 'saas' AND nspowner <> $1
UNION ALL
SELECT format('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA saas TO %s WITH GRANT OPTION', $1::oid::regrole)
 WHERE EXISTS (SELECT FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                WHERE p.pronamespace = to_regnamespace('saas')
                  AND NOT has_function_privilege($1, p.oid, 'EXECUTE WITH GRANT OPTION'))
