\echo
\echo '=== 3. Two users, two workspaces: each sees his own  (03_access.sql)'

-- A table of your own, protected:
CREATE SCHEMA app;
CREATE TABLE app.notes (
  tenant_id uuid NOT NULL REFERENCES saas.tenants (id),
  body      text NOT NULL
);
CREATE INDEX ON app.notes (tenant_id);
ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON app.notes FOR SELECT USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY write ON app.notes FOR INSERT WITH CHECK (saas.has_tenant_permission(tenant_id, 'project.create'));
GRANT USAGE ON SCHEMA app TO saas_demo_app;
GRANT SELECT, INSERT ON app.notes TO saas_demo_app;

INSERT INTO app.notes SELECT tenant_id, 'Welcome, ' || tenant FROM workspace;
SELECT tenant_id AS acme FROM workspace WHERE tenant = 'Acme' \gset
SELECT tenant_id AS globex FROM workspace WHERE tenant = 'Globex' \gset

-- Whoever has checked a password opens a session; its token is shown this once.
SELECT id AS ada_id FROM saas.users WHERE email = 'ada@acme.example' \gset
SELECT id AS hank_id FROM saas.users WHERE email = 'hank@globex.example' \gset
SELECT id AS mia_id FROM saas.users WHERE email = 'mia@acme.example' \gset
SELECT id AS olga_id FROM saas.users WHERE email = 'olga@platform.example' \gset
SET ROLE saas_demo_gateway;
SELECT saas.create_session(:'ada_id') AS ada, saas.create_session(:'hank_id') AS hank,
       saas.create_session(:'mia_id') AS mia, saas.create_session(:'olga_id') AS olga \gset

SET ROLE saas_demo_app;
\set notes 'SELECT t.name AS workspace, n.body AS note FROM saas.tenants t JOIN app.notes n ON n.tenant_id = t.id;'
\echo 'Ada:'
BEGIN;
SELECT saas.begin_request(:'ada') \gset
:notes
COMMIT;
\echo 'Hank, with the same query:'
BEGIN;
SELECT saas.begin_request(:'hank') \gset
:notes
COMMIT;

\echo
\echo '=== What is refused, and how'
\set ON_ERROR_STOP off
\echo '--- Ada writes a note into Globex:'
BEGIN;
SELECT saas.begin_request(:'ada', :'acme') \gset
INSERT INTO app.notes VALUES (:'globex', 'Ada was here');
\echo SQLSTATE :SQLSTATE
ROLLBACK;

\echo '--- Mia, a plain member, manages the billing:'
BEGIN;
SELECT saas.begin_request(:'mia', :'acme') \gset
SELECT saas.require_tenant_permission('billing.manage');
\echo SQLSTATE :SQLSTATE
ROLLBACK;

\echo '--- Somebody without a session:'
BEGIN;
SELECT saas.begin_request('a made-up token');
\echo SQLSTATE :SQLSTATE
ROLLBACK;

RESET ROLE;
\echo '--- Even the data owner makes no platform admin of a workspace member:'
UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'platform_admin')
 WHERE user_id = :'mia_id';
\echo SQLSTATE :SQLSTATE
\set ON_ERROR_STOP on
