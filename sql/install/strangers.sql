-- Anything in schema saas, or the schema itself, that belongs neither to the data owner ($1) nor to
-- the extension. A superuser's empty schema is fair when it is a superuser who installs ($2):
-- CREATE EXTENSION has just made it.
SELECT what FROM (
  SELECT 'schema saas' AS what
    FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
   WHERE n.nspname = 'saas' AND n.nspowner <> $1 AND NOT ($2 AND r.rolsuper)
  UNION ALL
  SELECT pg_describe_object(o.classid, o.oid, 0)
    FROM (
      SELECT 'pg_class'::regclass::oid AS classid, oid, relowner AS owner FROM pg_class WHERE relnamespace = to_regnamespace('saas')
      UNION ALL SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc WHERE pronamespace = to_regnamespace('saas')
      UNION ALL SELECT 'pg_type'::regclass, oid, typowner FROM pg_type WHERE typnamespace = to_regnamespace('saas')
      UNION ALL SELECT 'pg_operator'::regclass, oid, oprowner FROM pg_operator WHERE oprnamespace = to_regnamespace('saas')
      UNION ALL SELECT 'pg_collation'::regclass, oid, collowner FROM pg_collation WHERE collnamespace = to_regnamespace('saas')
      UNION ALL SELECT 'pg_conversion'::regclass, oid, conowner FROM pg_conversion WHERE connamespace = to_regnamespace('saas')
    ) o
   WHERE o.owner <> $1
     AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'e')
     -- Array and row types go with what they belong to.
     AND NOT (o.classid = 'pg_type'::regclass AND EXISTS (
               SELECT FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'i'))
) strangers
 ORDER BY what LIMIT 1
