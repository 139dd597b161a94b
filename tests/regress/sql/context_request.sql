-- A request: a token begins it, the transaction's end ends it.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app');
SELECT saas.grant_access('saas_gateway', 'gateway');
SELECT saas.create_user('jane@example.com', 'Jane') AS jane \gset
SELECT saas.create_session(:'jane') AS token \gset
SELECT saas.create_tenant('Acme', :'jane') AS acme \gset
SELECT saas.create_user('joe@example.com') AS joe \gset
SELECT saas.create_tenant('Globex', :'joe') AS globex \gset
UPDATE saas.tenants SET suspended_at = now() WHERE id = :'globex';

SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'token', :'acme') = :'jane' AS jane;
SELECT saas.current_user_id() = :'jane' AS "user", saas.current_tenant_id() = :'acme' AS tenant,
       saas.current_session_id() IS NOT NULL AS session, saas.current_impersonator_id() AS impersonator;
SELECT name FROM saas.tenants;
COMMIT;
SELECT saas.current_user_id();

-- The second replaces the first, a savepoint brings the first back.
BEGIN;
SELECT saas.begin_request(:'token', :'acme') IS NOT NULL AS begun;
SAVEPOINT before;
SELECT saas.begin_request(:'token') IS NOT NULL AS begun, saas.current_tenant_id() AS tenant;
SELECT saas.current_tenant_id() AS tenant;
ROLLBACK TO SAVEPOINT before;
SELECT saas.current_tenant_id() = :'acme' AS back;
ROLLBACK;

-- Refusals.
SELECT saas.begin_request('saas_session_unknown');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.begin_request(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.begin_request(:'token', :'globex');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.begin_request(:'token', '00000000-0000-0000-0000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.begin_request_as(:'jane');
\echo :LAST_ERROR_SQLSTATE

-- Outside of a transaction block it ends with the statement, and says so.
SELECT saas.begin_request(:'token') IS NOT NULL AS begun;
SELECT saas.current_user_id();

-- A gateway names the user itself.
SET SESSION AUTHORIZATION saas_gateway;
BEGIN;
SELECT saas.begin_request_as(:'jane', :'acme') IS NOT NULL AS begun;
SELECT saas.authorized_tenant_id('billing.manage') = :'acme' AS may;
ROLLBACK;
SELECT saas.begin_request_as(NULL);
\echo :LAST_ERROR_SQLSTATE
