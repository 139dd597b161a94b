-- Database roles of applications that get past row-level security.
WITH RECURSIVE application AS (
  SELECT r.*, g.kind FROM saas.access_grants g JOIN pg_roles r ON r.oid = g.role_id
), owner AS (
  SELECT c.relowner AS oid FROM pg_class c WHERE c.oid = 'saas.tenants'::regclass
), attribute AS (
  SELECT a.*, v.*
    FROM application a,
         LATERAL (VALUES (a.rolsuper, 'SUPERUSER', 'it is a superuser: no policy and no gate holds it'),
                         (a.rolbypassrls, 'BYPASSRLS', 'it has BYPASSRLS: no policy holds it'),
                         (a.rolcreaterole, 'CREATEROLE', 'it has CREATEROLE: it can give itself other roles'),
                         (a.rolreplication, 'REPLICATION', 'it has REPLICATION: it can read all changes')) AS v (has, name, problem)
   WHERE v.has
), powerful (oid, problem) AS (
  SELECT o.oid, 'the data owner, whom policies and gates don''t concern' FROM owner o
  UNION ALL SELECT r.oid, 'a superuser' FROM pg_roles r WHERE r.rolsuper AND r.oid NOT IN (SELECT o.oid FROM owner o)
  UNION ALL SELECT r.oid, 'which has BYPASSRLS' FROM pg_roles r WHERE r.rolbypassrls AND NOT r.rolsuper AND r.oid NOT IN (SELECT o.oid FROM owner o)
  UNION ALL SELECT r.oid, 'which reaches all tables or the server''s files' FROM pg_roles r
   WHERE r.rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
)
SELECT 'error', format('role %s', a.oid::regrole), a.problem, format('ALTER ROLE %s NO%s', a.oid::regrole, a.name) FROM attribute a
UNION ALL
-- By its direct memberships, since those are what one can take away.
SELECT 'error', format('role %s', a.oid::regrole),
       format('as a member of %s it can become %s', m.roleid::regrole,
              string_agg(format('%s, %s', p.oid::regrole, p.problem), ', and ' ORDER BY p.oid::regrole::text)),
       concat(format('REVOKE %s FROM %s', m.roleid::regrole, a.oid::regrole), ' GRANTED BY ' || g.oid::regrole)
  FROM application a
  JOIN pg_auth_members m ON m.member = a.oid
  JOIN powerful p ON pg_has_role(m.roleid, p.oid, 'MEMBER') AND (m.roleid = p.oid OR NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = m.roleid))
  LEFT JOIN pg_roles g ON g.oid = m.grantor
 WHERE NOT a.rolsuper
 GROUP BY a.oid, m.roleid, g.oid
UNION ALL
SELECT 'error', format('%s %s', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END, c.oid::regclass),
       format('it belongs to %s: an owner is not bound by policies, and can drop them', c.relowner::regrole),
       format('ALTER %s %s OWNER TO %s', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
              c.oid::regclass, o.oid::regrole)
  FROM pg_class c, owner o
 WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't' AND c.relowner <> o.oid AND NOT c.relispartition
   AND EXISTS (SELECT FROM application a WHERE pg_has_role(a.oid, c.relowner, 'MEMBER') AND NOT a.rolsuper)
   AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = c.relowner)
UNION ALL
-- Whoever shares a pooled connection would find what the one before him left there.
SELECT 'warning', format('database %I', d.datname),
       format('%s: TEMPORARY, so temporary tables can lie in others'' way on a shared connection', grantees),
       format('REVOKE TEMPORARY ON DATABASE %I FROM %s', d.datname, grantees)
  FROM pg_database d
 CROSS JOIN LATERAL (
   SELECT string_agg(CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, ', ' ORDER BY x.grantee) AS grantees
     FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
    WHERE x.privilege_type = 'TEMPORARY' AND x.grantee <> d.datdba
      AND EXISTS (SELECT FROM application a
                   WHERE NOT a.rolsuper AND a.kind IN ('app', 'gateway', 'admin') AND (x.grantee = 0 OR pg_has_role(a.oid, x.grantee, 'USAGE')))
 ) AS t
 WHERE d.datname = current_database() AND grantees IS NOT NULL
UNION ALL
SELECT 'warning', format('role %s', o.oid::regrole), 'the data owner is a superuser: what the extension does past its callers'' rights, it does with his',
       format('CREATE ROLE %1$I; ALTER DATABASE %2$I OWNER TO %1$I; ALTER SCHEMA saas OWNER TO %1$I; '
              'DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relnamespace = ''saas''::regnamespace AND relkind IN (''r'', ''p'', ''v'') '
              'LOOP EXECUTE format(''ALTER TABLE %%s OWNER TO %%I'', t, %3$L); END LOOP; END $$; SELECT saas.install()',
              left(current_database(), 57) || '_owner', current_database(), left(current_database(), 57) || '_owner')
  FROM owner o JOIN pg_roles r ON r.oid = o.oid WHERE r.rolsuper
