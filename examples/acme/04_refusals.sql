\echo '=== 4. What is refused, and how (04_refusals.sql)'

\set ON_ERROR_STOP off
SET SESSION AUTHORIZATION saas_demo_app;
\echo '--- Ada writes a note into Globex'
BEGIN;
SELECT saas.begin_request(:'ada') \gset
INSERT INTO app.notes VALUES (:'globex', 'Ada was here');
\echo SQLSTATE :SQLSTATE
ROLLBACK;

\echo '--- Mia, a member of Acme, wants to manage its billing'
BEGIN;
SELECT saas.begin_request(:'mia', :'acme') \gset
SELECT saas.require_tenant_permission('billing.manage');
\echo SQLSTATE :SQLSTATE
ROLLBACK;

\echo '--- Somebody comes without a session'
BEGIN;
SELECT saas.begin_request('a made-up token');
\echo SQLSTATE :SQLSTATE
ROLLBACK;

\echo '--- The owner of the data gives Mia a platform role inside Acme'
RESET SESSION AUTHORIZATION;
UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'platform_admin')
 WHERE user_id = :'mia_id';
\echo SQLSTATE :SQLSTATE
\set ON_ERROR_STOP on
\echo
