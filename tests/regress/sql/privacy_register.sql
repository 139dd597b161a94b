-- Which columns can be put into the record of processing.
\set ON_ERROR_ROLLBACK on
CREATE TABLE public.foreign_owner (user_id uuid, phone text);
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_admin', 'admin');
SELECT saas.create_user('root@example.com') AS root, saas.create_user('sam@example.com') AS sam \gset
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT a.u::uuid, r.id, :'root', 'The first' FROM (VALUES (:'root', 'platform_superadmin'), (:'sam', 'platform_support')) a (u, key) JOIN saas.roles r USING (key);
SELECT saas.create_session(:'root') AS root_token, saas.create_session(:'sam') AS sam_token \gset
CREATE SCHEMA app;
CREATE TABLE app.contacts (id integer GENERATED ALWAYS AS IDENTITY, user_id uuid, phone text, size integer NOT NULL, upper_phone text GENERATED ALWAYS AS (upper(phone)) STORED, made date, at timestamptz);
CREATE VIEW app.numbers AS SELECT phone, user_id FROM app.contacts;
CREATE TEMP TABLE temporary (user_id uuid, phone text);
ALTER TABLE saas.users ADD phone text;

SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'anonymize', user_column => 'user_id');
-- Once more, under another spelling, changes the one row.
SELECT saas.register_personal_data('"app".CONTACTS', 'phone', 'contact', 'Calls', 'contract', 'delete', 'user_id', retention => '1 year', time_column => 'made');
SELECT saas.register_personal_data('app.contacts', 'size', 'body', 'Clothes', 'consent', 'anonymize', 'user_id', replacement => '0');
SELECT saas.register_personal_data('users', 'phone', 'contact', 'Calls', 'consent', 'anonymize', 'id');
SELECT table_name, column_name, legal_basis, on_erasure, user_column, retention, time_column, replacement
  FROM saas.personal_data_registry WHERE table_name ~ 'app' OR column_name = 'phone' ORDER BY 1, 2;
\set VERBOSITY terse
SELECT saas.register_personal_data('app.contacts', 'fax', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'owner');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'size');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', email_column => 'made');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id', retention => '1 day', time_column => 'phone');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id', time_column => 'at');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id', replacement => 'x');
SELECT saas.register_personal_data('app.contacts', 'size', 'body', 'Clothes', 'consent', 'anonymize', 'user_id');
SELECT saas.register_personal_data('app.contacts', 'upper_phone', 'contact', 'Calls', 'consent', 'anonymize', 'user_id');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'keep', 'user_id');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'burn', 'user_id');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'because', 'delete', 'user_id');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', NULL, 'user_id');
-- Only tables of the data owner; of the product's own only users, and there nothing of the product's.
SELECT saas.register_personal_data('app.numbers', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('public.foreign_owner', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('pg_temp.temporary', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('temporary', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('pg_catalog.pg_authid', 'rolpassword', 'contact', 'Calls', 'consent', 'delete', 'rolname');
SELECT saas.register_personal_data('app.contacts; DROP TABLE app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('a.b.c', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('saas.sessions', 'ip_address', 'contact', 'Calls', 'consent', 'keep', 'user_id', duty => 'Curiosity');
SELECT saas.register_personal_data('users', 'email', 'contact', 'Calls', 'consent', 'keep', 'id', duty => 'Curiosity');
\set VERBOSITY default
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT saas.begin_request(:'sam_token') = :'sam' AS sam;
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
SELECT action, actor_id = :'root' AS by_root FROM saas.platform_audit_logs WHERE target_type = 'personal_data_registry' ORDER BY id;
SELECT * FROM saas.check_invariants();
