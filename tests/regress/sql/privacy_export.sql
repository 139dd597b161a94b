-- A copy of all that is known of a person, by the registry, and nothing secret.
\set ON_ERROR_ROLLBACK on
\set ann '00000000-0000-7000-8000-0000000000a1'
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin');
INSERT INTO saas.users (id, email, name, created_at) VALUES (:'ann', 'ann@example.com', 'Ann', '2026-01-01Z');
SELECT saas.create_user('bob@example.com', 'Bob') AS bob, saas.create_user('root@example.com') AS root \gset
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'root', id, :'root', 'The first' FROM saas.roles WHERE key = 'platform_superadmin';
SELECT saas.create_session(:'ann', ip_address => '192.0.2.1') AS ann_token, saas.create_session(:'root') AS root_token,
       saas.create_session(:'bob', ip_address => '192.0.2.2') AS bob_token \gset
INSERT INTO saas.accounts (id, user_id, provider_id, account_id, password_hash, access_token, created_at, updated_at)
VALUES ('00000000-0000-7000-8000-0000000000a2', :'ann', 'password', 'ann', 'very secret', 'token', '2026-01-01Z', '2026-01-01Z');
-- An application's tables: one by id as text, one that knows the address only, names that need quotes.
CREATE SCHEMA "Sales";
CREATE TABLE "Sales"."Contact book" (id integer PRIMARY KEY, "of user" text, "Phone" text, note text, private_key text);
INSERT INTO "Sales"."Contact book" VALUES (1, :'ann', '+1 555 0100', 'not registered', 'pk'), (2, :'bob', '+1 555 0199', 'x', 'pk');
CREATE TABLE public.letters (address text, body text);
INSERT INTO public.letters VALUES ('ANN@example.com', 'Dear Ann'), ('bob@example.com', 'Dear Bob');
SELECT saas.register_personal_data('"Sales"."Contact book"', 'Phone', 'contact', 'Calls', 'consent', 'delete', user_column => 'of user');
SELECT saas.register_personal_data('"Sales"."Contact book"', 'private_key', 'credentials', 'Signing', 'consent', 'delete', user_column => 'of user');
SELECT saas.register_personal_data('public.letters', 'body', 'correspondence', 'Letters', 'legitimate_interests', 'delete', email_column => 'address');

SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'ann_token') = :'ann' AS ann;
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '1');
SELECT saas.open_privacy_request(:'ann', 'access') AS access, saas.open_privacy_request(:'ann', 'portability') AS portability,
       saas.open_privacy_request(:'ann', 'erasure') AS erasure \gset
SELECT saas.export_personal_data(:'access') AS copy \gset
SELECT p.key AS purpose, t.key AS "table", jsonb_array_length(p.value -> 'rows') AS rows
  FROM jsonb_each(:'copy'::jsonb -> 'data') t, jsonb_each(t.value) p ORDER BY 2, 1;
SELECT jsonb_pretty(:'copy'::jsonb #> '{data,accounts}');
SELECT jsonb_pretty(:'copy'::jsonb #> '{data,"\"Sales\".\"Contact book\""}') AS contacts, :'copy'::jsonb #> '{data,public.letters,Letters,rows}' AS letters,
       :'copy'::jsonb #> '{data,users,Login and messages,rows}' AS users;
SELECT secret, strpos(:'copy', secret) > 0 AS is_there
  FROM unnest(ARRAY['very secret', 'token_hash', '192.0.2.2', 'Bob', 'pk', 'not registered', '555 0199', '192.0.2.1', '555 0100']) secret;
-- Once; the digest stays.
SELECT saas.export_personal_data(:'access');
\echo :LAST_ERROR_SQLSTATE
SELECT status, result_digest = sha256(convert_to(:'copy'::jsonb::text, 'UTF8')) AS digest, result FROM saas.privacy_requests WHERE id = :'access';
-- Portability is about what rests on consent or contract.
SELECT DISTINCT c.value ->> 'legal_basis' AS basis
  FROM jsonb_each(saas.export_personal_data(:'portability') -> 'data') t, jsonb_each(t.value) p, jsonb_each(p.value -> 'columns') c ORDER BY 1;
SELECT saas.export_personal_data(:'erasure');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.export_personal_data(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_privacy_request(:'ann', 'access') AS access \gset
COMMIT;
-- Nobody; somebody else, to whom hers looks like one that does not exist.
SELECT saas.export_personal_data(:'access');
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT saas.begin_request(:'bob_token') = :'bob' AS bob;
SELECT saas.export_personal_data(:'access');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.export_personal_data('00000000-0000-0000-0000-000000000000');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT saas.export_personal_data('00000000-0000-0000-0000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.export_personal_data(:'access') ->> 'user_id' = :'ann' AS exported;
SELECT status, handled_by = :'root' AS by_root FROM saas.privacy_requests WHERE id = :'access';
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
-- A refused request has no answer; a registry that names what is not there has none either, rather than half.
SELECT saas.open_privacy_request(:'ann', 'access') AS access \gset
ALTER TABLE public.letters RENAME TO mails;
SELECT saas.export_personal_data(:'access');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE public.mails RENAME TO letters;
ALTER TABLE public.letters RENAME body TO text;
SELECT saas.export_personal_data(:'access');
\echo :LAST_ERROR_SQLSTATE
SELECT status FROM saas.privacy_requests WHERE id = :'access';
SELECT saas.decide_privacy_request(:'access', 'refused', 'Excessive: the fourth this week');
SELECT saas.export_personal_data(:'access');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM saas.check_invariants();
