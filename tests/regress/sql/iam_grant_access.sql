-- Database roles have one kind of access each.
SET SESSION AUTHORIZATION saas_app;
SELECT saas.version();
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app');
SELECT saas.grant_access('saas_app', 'gateway');
SELECT saas.grant_access('saas_app', 'app');
SELECT role_id, kind FROM saas.access_grants;
SELECT saas.grant_access('saas_app', 'root');
SELECT saas.grant_access('saas_owner', 'app');
SELECT saas.grant_access('postgres', 'app');
SELECT polrelid::regclass, polname, polroles::regrole[] FROM pg_policy
 WHERE polrelid = 'saas.projects'::regclass ORDER BY polname;
SET SESSION AUTHORIZATION saas_app;
SELECT saas.grant_access('saas_app', 'gateway');
SELECT saas.create_user('jane@example.com');
SELECT token_hash FROM saas.sessions;
SELECT * FROM saas.verifications;
INSERT INTO saas.tenants (name) VALUES ('mine');
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.revoke_access('saas_app');
SET SESSION AUTHORIZATION saas_app;
SELECT count(*) FROM saas.projects;
