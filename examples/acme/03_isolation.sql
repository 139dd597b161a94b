\echo '=== 3. Two users, two workspaces, one query: each sees his own (03_isolation.sql)'

-- A table of your own, protected by workspace:
CREATE SCHEMA app;
CREATE TABLE app.notes (
  tenant_id uuid NOT NULL REFERENCES saas.tenants (id),
  body      text NOT NULL
);
CREATE INDEX ON app.notes (tenant_id);
ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
\set ECHO queries
CREATE POLICY read ON app.notes FOR SELECT USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY write ON app.notes FOR INSERT WITH CHECK (saas.has_tenant_permission(tenant_id, 'project.create'));
\set ECHO none
GRANT USAGE ON SCHEMA app TO saas_demo_app, saas_demo_admin;
GRANT SELECT, INSERT ON app.notes TO saas_demo_app;
INSERT INTO app.notes SELECT tenant_id, 'Welcome, ' || tenant FROM workspace;

-- Ids for the statements to come.
SELECT max(tenant_id::text) FILTER (WHERE tenant = 'Acme') AS acme,
       max(tenant_id::text) FILTER (WHERE tenant = 'Globex') AS globex FROM workspace \gset
SELECT max(id::text) FILTER (WHERE email ~ '^ada@') AS ada_id, max(id::text) FILTER (WHERE email ~ '^hank@') AS hank_id,
       max(id::text) FILTER (WHERE email ~ '^mia@') AS mia_id, max(id::text) FILTER (WHERE email ~ '^olga@') AS olga_id
  FROM saas.users \gset

-- Whoever has checked a password opens a session; the token is shown this once and kept by the client.
SET SESSION AUTHORIZATION saas_demo_gateway;
SELECT saas.create_session(:'ada_id') AS ada, saas.create_session(:'hank_id') AS hank,
       saas.create_session(:'mia_id') AS mia, saas.create_session(:'olga_id') AS olga \gset

-- Applications connect as this role; each request is a transaction that begins with the user's token.
SET SESSION AUTHORIZATION saas_demo_app;
BEGIN;
SELECT saas.begin_request(:'ada') \gset
\set ECHO queries
SELECT u.email AS i_am, n.body AS note FROM app.notes n, saas.users u WHERE u.id = saas.current_user_id();
\set ECHO none
COMMIT;
BEGIN;
SELECT saas.begin_request(:'hank') \gset
SELECT u.email AS i_am, n.body AS note FROM app.notes n, saas.users u WHERE u.id = saas.current_user_id();
COMMIT;
RESET SESSION AUTHORIZATION;
