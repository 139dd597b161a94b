-- Nobody but the functions of this extension sets who is asking.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app');
SELECT saas.create_user('jane@example.com') AS jane \gset
SELECT saas.create_session(:'jane') AS token \gset
SET SESSION AUTHORIZATION saas_app;
SET saas.context = '{}';
SET LOCAL saas.context = '{}';
SELECT set_config('saas.context', '{}', false);
SELECT set_config('saas.context', '{}', true);
UPDATE pg_settings SET setting = '{}' WHERE name = 'saas.context';
RESET saas.context;
ALTER ROLE saas_app SET saas.context = '{}';
CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql SET saas.context = '{}' AS '';
SET saas.other = 'x';
BEGIN;
SELECT saas.begin_request(:'token') IS NOT NULL AS begun;
RESET ALL;
SELECT saas.current_user_id() = :'jane' AS jane;
CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql SET saas.context FROM CURRENT AS '';
ROLLBACK;
DISCARD ALL;
SELECT saas.current_user_id();
