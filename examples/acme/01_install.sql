\echo '=== 1. Install: one extension, and a database role for each kind of access  (01_install.sql)'

CREATE EXTENSION IF NOT EXISTS saas_core;

SELECT format('CREATE ROLE %I', role)
  FROM unnest(ARRAY['saas_demo_app', 'saas_demo_gateway', 'saas_demo_worker', 'saas_demo_admin']) AS role
 WHERE to_regrole(role) IS NULL
\gexec

SELECT saas.grant_access('saas_demo_app', 'app'),         -- serves users: sees what the user may see
       saas.grant_access('saas_demo_gateway', 'gateway'), -- the login service: says who the user is
       saas.grant_access('saas_demo_worker', 'worker'),   -- jobs: meters, bills, takes the provider's events
       saas.grant_access('saas_demo_admin', 'admin')      -- the platform's own staff
\gset

SELECT count(*) FILTER (WHERE c.relrowsecurity) AS "tables, all under RLS",
       (SELECT count(*) FROM saas.permissions) AS permissions,
       (SELECT string_agg(key, ', ' ORDER BY key) FROM saas.roles) AS roles
  FROM pg_class c
 WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;
