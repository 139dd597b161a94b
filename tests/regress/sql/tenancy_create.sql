-- A user makes himself a tenant, as many as his plans allow.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app');
SELECT saas.create_user('jane@example.com') AS jane \gset
SELECT saas.create_user('joe@example.com') AS joe \gset
SELECT saas.create_session(:'jane') AS token \gset
SELECT saas.create_tenant('Nobody''s');
SELECT saas.create_user('JANE@example.com');
\echo :LAST_ERROR_SQLSTATE

SET SESSION AUTHORIZATION saas_app;
SELECT saas.create_tenant('Acme');
BEGIN;
SELECT saas.begin_request(:'token') IS NOT NULL AS begun;
SELECT saas.create_tenant('Acme') IS NOT NULL AS created;
SELECT t.name, t.plan, t.billing_state, t.currency, r.key AS role, m.member_type
  FROM saas.tenants t JOIN saas.tenant_members m ON m.tenant_id = t.id JOIN saas.roles r ON r.id = m.role_id;
SAVEPOINT s;
SELECT saas.create_tenant('Second');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT saas.create_tenant('Joe''s', :'joe');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT saas.create_tenant(' ');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
