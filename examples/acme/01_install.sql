\echo '=== 1. Install: one extension, and a database role for each kind of access (01_install.sql)'

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

-- Requests share connections: nobody leaves temporary tables on them.
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database())
\gexec

SELECT (SELECT count(*) FROM pg_class
         WHERE relnamespace = 'saas'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity AND NOT relispartition
       ) AS "tables with row-level security",
       (SELECT count(*) FROM saas.roles) AS "user roles",
       (SELECT count(*) FROM saas.permissions) AS permissions;
