-- What the roles that have access, or role $1 only, may do with the domain views of all schemas: what they may do with the
-- tables. A role without access any more loses what it had.
WITH role AS (
  SELECT r.oid, g.kind IS NOT NULL AS has_access
    FROM pg_roles r
    LEFT JOIN saas.access_grants g ON g.role_id = r.oid
   WHERE r.oid = $1::oid OR ($1::oid IS NULL AND g.kind IS NOT NULL)
), view AS (
  SELECT v.oid, v.relname, v.relacl, n.oid AS schema, n.nspname, t.oid AS table
    FROM pg_class v
    JOIN pg_namespace n ON n.oid = v.relnamespace
    JOIN pg_class t ON t.relnamespace = 'saas'::regnamespace
     AND obj_description(v.oid, 'pg_class') = format('The table saas.%s by its domain name.', t.relname)
   WHERE v.relkind = 'v' AND v.relowner = (SELECT relowner FROM pg_class WHERE oid = 'saas.tenants'::regclass)
), grants AS (
  SELECT r.oid AS role, r.has_access, v.*,
         concat_ws(', ', CASE WHEN has_any_column_privilege(r.oid, v.table, 'SELECT') THEN 'SELECT' END,
                         CASE WHEN has_any_column_privilege(r.oid, v.table, 'INSERT') THEN 'INSERT' END,
                         CASE WHEN has_any_column_privilege(r.oid, v.table, 'UPDATE') THEN 'UPDATE' END,
                         CASE WHEN has_table_privilege(r.oid, v.table, 'DELETE') THEN 'DELETE' END) AS privileges
    FROM role r CROSS JOIN view v
)
SELECT format('REVOKE ALL ON %I.%I FROM %s', nspname, relname, role::regrole)
  FROM grants WHERE EXISTS (SELECT FROM aclexplode(relacl) a WHERE a.grantee = role)
UNION ALL
SELECT format('GRANT %s ON %I.%I TO %s', privileges, nspname, relname, role::regrole)
  FROM grants WHERE has_access AND privileges <> ''
UNION ALL
SELECT DISTINCT format('GRANT USAGE ON SCHEMA %I TO %s', nspname, role::regrole)
  FROM grants WHERE has_access
UNION ALL
-- Unless something else in the schema is the role's to use.
SELECT DISTINCT format('REVOKE USAGE ON SCHEMA %I FROM %s', nspname, role::regrole)
  FROM grants
 WHERE NOT has_access
   AND EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.oid = schema AND a.grantee = role)
   AND NOT EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) a
                    WHERE c.relnamespace = schema AND a.grantee = role AND c.oid NOT IN (SELECT oid FROM view))
   AND NOT EXISTS (SELECT FROM pg_proc p, aclexplode(p.proacl) a WHERE p.pronamespace = schema AND a.grantee = role)
