-- The end of a person's data: deleted, anonymized, or kept under the duty named; twice is once.
\set ON_ERROR_ROLLBACK on
\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b1'
\set root '00000000-0000-7000-8000-0000000000c1'
\set sam '00000000-0000-7000-8000-0000000000d1'
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin');
INSERT INTO saas.users (id, email, name, email_preferences) VALUES (:'ann', 'ann@example.com', 'Ann', '{"news": true}'), (:'bob', 'bob@example.com', 'Bob', '{}'),
  (:'root', 'root@example.com', 'Root', '{}'), (:'sam', 'sam@example.com', 'Sam', '{}');
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT a.u::uuid, r.id, :'root', 'The first' FROM (VALUES (:'root', 'platform_superadmin'), (:'sam', 'platform_support'), (:'bob', 'platform_support')) a (u, key) JOIN saas.roles r USING (key);
UPDATE saas.system_role_assignments SET revoked_at = now(), revoked_by = :'root', revoke_reason = 'Left' WHERE assigned_user_id = :'bob';
SELECT saas.create_tenant('Solo', :'ann') AS solo, saas.create_tenant('Acme', :'bob') AS acme \gset
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT :'acme', :'ann', id FROM saas.roles WHERE key = 'tenant_admin';
-- Ann pays, logs in, is invited, supported, logged.
SELECT saas.subscribe(:'solo', 'free') IS NOT NULL AS subscribed;
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
UPDATE saas.tenant_subscriptions SET plan_id = (SELECT id FROM saas.plans WHERE key = 'plus'), current_period_start = '2026-01-01', current_period_end = '2026-02-01', anchor = '2026-01-01';
SELECT saas.finalize_invoice(saas.generate_invoice(:'solo', '2026-01-01')) AS number;
SELECT saas.create_session(:'ann', ip_address => '192.0.2.1') AS ann_token, saas.create_session(:'root') AS root_token, saas.create_session(:'sam') AS sam_token \gset
INSERT INTO saas.accounts (user_id, provider_id, account_id, password_hash) VALUES (:'ann', 'password', 'ann', 'hash');
INSERT INTO saas.verifications (user_id, identifier, purpose, token_hash, expires_at) VALUES (:'ann', 'ann@example.com', 'mfa', sha256('1'), now() + interval '1 h'),
  (NULL, 'Ann@Example.com', 'email_verification', sha256('2'), now() + interval '1 h'), (NULL, 'eve@example.com', 'email_verification', sha256('3'), now() + interval '1 h');
INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash)
SELECT :'acme', :'ann', id, 'CI', 'saas_key', sha256(('saas_key_' || :'acme' || '_1')::bytea) FROM saas.roles WHERE key = 'tenant_admin';
INSERT INTO saas.tenant_invitations (tenant_id, email, role_id, token_hash, expires_at, invited_by, accepted_at, accepted_by)
SELECT :'acme', i.email, r.id, sha256(i.email::bytea), now() + interval '1 day', i.inviter::uuid, CASE WHEN i.accepted THEN now() END, CASE WHEN i.accepted THEN :'ann'::uuid END
  FROM saas.roles r, (VALUES ('ann@old.example', :'bob', true), ('ANN@example.com', :'bob', false), ('dan@example.com', :'ann', false)) i (email, inviter, accepted)
 WHERE r.key = 'tenant_guest';
INSERT INTO saas.impersonation_sessions (actor_id, target_user_id, tenant_id, reason, expires_at) VALUES (:'sam', :'ann', :'acme', 'Ticket 1', now() + interval '30 minutes')
RETURNING id AS impersonation \gset
SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request('saas_key_' || :'acme' || '_1') = :'ann' AS by_key;
COMMIT;
BEGIN;
SELECT saas.begin_request(:'ann_token') = :'ann' AS ann;
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '1');
SELECT saas.open_privacy_request(:'ann', 'access') AS access, saas.open_privacy_request(:'ann', 'erasure') AS erasure \gset
SELECT saas.erase_user(:'erasure');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
-- Done with her key, which will be gone.
BEGIN;
SELECT saas.begin_request('saas_key_' || :'acme' || '_1') = :'ann' AS by_key;
INSERT INTO saas.tenant_invitations (tenant_id, email, role_id, token_hash, expires_at)
SELECT :'acme', 'eve@example.com', id, sha256('eve'), now() + interval '1 day' FROM saas.roles WHERE key = 'tenant_guest';
COMMIT;
-- The application's own: rows that refer to others, values that go, values that stay.
CREATE SCHEMA app;
CREATE TABLE app.contacts (id integer PRIMARY KEY, user_id uuid, phone text);
CREATE TABLE app.calls (id integer PRIMARY KEY, contact_id integer REFERENCES app.contacts, user_id uuid, words text);
CREATE TABLE app.posts (id integer PRIMARY KEY, author text NOT NULL, signature text NOT NULL, body text);
INSERT INTO app.contacts VALUES (1, :'ann', '+1 555 0100'), (2, :'bob', '+1 555 0199');
INSERT INTO app.calls VALUES (1, 1, :'ann', 'Hello'), (2, 2, :'bob', 'Hello');
INSERT INTO app.posts VALUES (1, :'ann', 'Ann', 'My number is 0100'), (2, :'bob', 'Bob', 'x');
SELECT saas.register_personal_data('app.contacts', 'phone', 'contact', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('app.calls', 'words', 'speech', 'Calls', 'consent', 'delete', 'user_id');
SELECT saas.register_personal_data('app.posts', 'signature', 'contact', 'Forum', 'contract', 'anonymize', 'author', replacement => 'Somebody ({user_id})');
SELECT saas.register_personal_data('app.posts', 'body', 'text', 'Forum', 'contract', 'anonymize', 'author');
SELECT saas.register_personal_data('app.posts', 'author', 'identifier', 'Forum', 'contract', 'keep', 'author', duty => 'Freedom of expression: GDPR Art. 17(3)(a)');
ALTER TABLE saas.users ADD phone text;
SELECT saas.register_personal_data('saas.users', 'phone', 'contact', 'Calls', 'consent', 'delete', 'id');
UPDATE saas.users SET phone = '+1 555 0100' WHERE id = :'ann';

SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') = :'sam' AS sam;
SELECT saas.erase_user(:'erasure');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT saas.erase_user(:'erasure');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.erase_user(:'access');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.erase_user('00000000-0000-0000-0000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.erase_user(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.verify_privacy_request(:'erasure');
SELECT saas.erase_user(:'erasure') AS result \gset
SELECT jsonb_pretty(:'result'::jsonb - '{request_id,erased_at,tenants_deleted}'::text[]) AS result;
SELECT :'result'::jsonb -> 'tenants_deleted' = jsonb_build_array(:'solo') AS solo_deleted, (:'result'::jsonb ->> 'erased_at')::timestamptz = now() AS now;
SELECT saas.erase_user(:'erasure') = :'result'::jsonb AS same_answer;
SELECT kind, status, decision ~ '^Nothing is left' AS closed, handled_by = :'root' AS by_root, result IS NOT NULL AS result,
       result_digest = sha256(convert_to(result::text, 'UTF8')) AS digest FROM saas.privacy_requests ORDER BY id;
COMMIT;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT saas.erase_user(:'erasure') = :'result'::jsonb AS same_answer;
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
-- Nothing of her is anywhere but where a duty keeps it.
SELECT email, name, email_preferences, phone, deleted_at IS NOT NULL AS deleted FROM saas.users WHERE id = :'ann';
SELECT (SELECT count(*) FROM saas.sessions WHERE user_id = :'ann') AS sessions, (SELECT count(*) FROM saas.accounts) AS accounts,
       (SELECT array_agg(identifier) FROM saas.verifications) AS verifications, (SELECT count(*) FROM saas.api_keys) AS keys,
       (SELECT count(*) FROM saas.tenant_members WHERE user_id = :'ann') AS memberships,
       (SELECT array_agg(email ORDER BY email) FROM saas.tenant_invitations) AS invitations;
TABLE app.contacts;
TABLE app.calls;
TABLE app.posts ORDER BY id;
SELECT name, deleted_at IS NOT NULL AS deleted, billing_state FROM saas.tenants ORDER BY name;
SELECT i.number, i.status, i.total_amount, s.status AS subscription FROM saas.payment_invoices i JOIN saas.tenant_subscriptions s USING (tenant_id);
SELECT ended_at IS NOT NULL AS ended FROM saas.impersonation_sessions;
SELECT count(*) AS in_the_log FROM saas.platform_audit_logs l WHERE l::text ~* 'ann@|''Ann''|"Ann"|555 0100|192\.0\.2\.1[^0-9]' AND actor_id IS DISTINCT FROM :'ann';
SELECT action, count(*), bool_and(reason = 'privacy request ' || :'erasure') AS reason FROM saas.platform_audit_logs
 WHERE actor_id = :'root' AND action !~ 'privacy_requests' GROUP BY action ORDER BY action;
-- Nobody is tied to her any more.
SELECT saas.create_session(:'ann');
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT :'acme', :'ann', id FROM saas.roles WHERE key = 'tenant_admin';
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '1');
SELECT saas.open_privacy_request(:'ann', 'erasure');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.create_user('ann@example.com') IS NOT NULL AS comes_back;
SELECT * FROM saas.check_invariants();
