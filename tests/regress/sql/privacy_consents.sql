-- What a person agreed to: recorded, in a newer version, withdrawn; never overwritten.
\set ON_ERROR_ROLLBACK on
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_gateway', 'gateway'), saas.grant_access('saas_admin', 'admin');
SELECT saas.create_user('ann@example.com') AS ann, saas.create_user('bob@example.com') AS bob, saas.create_user('root@example.com') AS root,
       saas.create_user('sam@example.com') AS sam \gset
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT a.u::uuid, r.id, :'root', 'The first' FROM (VALUES (:'root', 'platform_superadmin'), (:'sam', 'platform_support')) a (u, key) JOIN saas.roles r USING (key);
SELECT saas.create_tenant('Acme', :'ann') AS acme \gset
SELECT saas.create_session(:'ann') AS ann_token, saas.create_session(:'root') AS root_token, saas.create_session(:'sam') AS sam_token \gset
INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash)
SELECT :'acme', :'ann', id, 'CI', 'saas_key', sha256(('saas_key_' || :'acme' || '_1')::bytea) FROM saas.roles WHERE key = 'tenant_owner';
INSERT INTO saas.impersonation_sessions (actor_id, target_user_id, tenant_id, reason, expires_at)
VALUES (:'sam', :'ann', :'acme', 'Ticket 1', now() + interval '30 minutes') RETURNING id AS impersonation \gset

SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'ann_token') = :'ann' AS ann;
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '1');
-- Once more says nothing new; a new version and another legal basis stand beside it.
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '1');
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '2');
SELECT saas.record_consent(user_id => :'ann', purpose => 'newsletter', legal_basis => 'legitimate_interests', version => '2');
SELECT saas.record_consent(:'ann', 'contract', 'contract', '1');
SELECT purpose, legal_basis, version, withdrawn_at FROM saas.user_consents ORDER BY id;
SELECT saas.withdraw_consent(:'ann', 'newsletter');
SELECT purpose, version, withdrawn_at = now() AS withdrawn FROM saas.user_consents ORDER BY id;
SELECT saas.withdraw_consent(:'ann', 'newsletter');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.withdraw_consent(:'ann', 'never given');
\echo :LAST_ERROR_SQLSTATE
-- Given again after it was withdrawn, in the same version too.
SELECT saas.record_consent(:'ann', 'newsletter', 'legitimate_interests', '2');
SELECT count(*), count(withdrawn_at) AS withdrawn FROM saas.user_consents WHERE purpose = 'newsletter';
-- Not for others; nothing that can't be meant.
SELECT saas.record_consent(:'bob', 'newsletter', 'consent', '1');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.withdraw_consent(:'bob', 'newsletter');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.record_consent('00000000-0000-0000-0000-000000000000', 'newsletter', 'consent', '1');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.record_consent(:'ann', 'newsletter', 'because', '1');
SELECT saas.record_consent(:'ann', ' ', 'consent', '1');
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '');
SELECT saas.record_consent(NULL, 'newsletter', 'consent', '1');
SELECT saas.record_consent(:'ann', NULL, 'consent', '1');
SELECT saas.record_consent(:'ann', 'newsletter', NULL, '1');
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', NULL);
SELECT saas.withdraw_consent(:'ann', NULL);
\echo :LAST_ERROR_SQLSTATE
COMMIT;
-- Nobody is asking; an API key; an impersonator.
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '3');
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT saas.begin_request('saas_key_' || :'acme' || '_1') = :'ann' AS by_key;
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '3');
SELECT saas.withdraw_consent(:'ann', 'newsletter');
COMMIT;
BEGIN;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'impersonation') = :'ann' AS as_ann;
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '3');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
-- Support may not, who configures the platform may, and meets no erased or unknown user.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') = :'sam' AS sam;
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '3');
COMMIT;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT saas.record_consent(:'bob', 'newsletter', 'consent', '1');
SELECT saas.record_consent('00000000-0000-0000-0000-000000000000', 'newsletter', 'consent', '1');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
-- Kinds without a user have nothing to say; the log has it all.
SET SESSION AUTHORIZATION saas_gateway;
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '3');
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION saas_owner;
SELECT action, actor_id = :'ann' AS by_ann, count(*) FROM saas.platform_audit_logs WHERE target_type = 'user_consents' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM saas.check_invariants();
