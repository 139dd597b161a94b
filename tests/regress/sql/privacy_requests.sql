-- A request of a data subject moves from receipt to answer, and is due in a month.
\set ON_ERROR_ROLLBACK on
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin');
SELECT saas.create_user('ann@example.com') AS ann, saas.create_user('bob@example.com') AS bob, saas.create_user('root@example.com') AS root,
       saas.create_user('sam@example.com') AS sam \gset
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT a.u::uuid, r.id, :'root', 'The first' FROM (VALUES (:'root', 'platform_superadmin'), (:'sam', 'platform_support')) a (u, key) JOIN saas.roles r USING (key);
SELECT saas.create_session(:'ann') AS ann_token, saas.create_session(:'root') AS root_token, saas.create_session(:'sam') AS sam_token \gset

SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'ann_token') = :'ann' AS ann;
SELECT saas.open_privacy_request(:'ann', 'rectification') AS rectification,
       saas.open_privacy_request(user_id => :'ann', kind => 'objection') AS objection,
       saas.open_privacy_request(:'ann', 'access') AS access, saas.open_privacy_request(:'ann', 'erasure') AS erasure \gset
SELECT kind, status, due_at = (now() AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC' AS in_a_month FROM saas.privacy_requests ORDER BY id;
SELECT saas.open_privacy_request(:'ann', 'access');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_privacy_request(:'ann', 'forgetting');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_privacy_request(:'bob', 'access');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_privacy_request(NULL, 'access');
SELECT saas.open_privacy_request(:'ann', NULL);
\echo :LAST_ERROR_SQLSTATE
-- What the platform decides is not hers.
SELECT saas.verify_privacy_request(:'access');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SELECT saas.open_privacy_request(:'ann', 'access');
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') = :'sam' AS sam;
SELECT saas.verify_privacy_request(:'rectification');
SELECT saas.decide_privacy_request(:'rectification', 'refused', 'No');
SELECT saas.open_privacy_request(:'bob', 'access');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT saas.decide_privacy_request(:'rectification', 'in_progress', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.verify_privacy_request(:'rectification');
SELECT saas.verify_privacy_request(:'rectification');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.decide_privacy_request(:'rectification', 'completed', 'Mended');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.decide_privacy_request(:'rectification', 'in_progress', NULL);
SELECT saas.decide_privacy_request(:'rectification', 'completed', ' ');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.decide_privacy_request(:'rectification', 'completed', 'The name is mended');
SELECT saas.decide_privacy_request(:'rectification', 'refused', 'Changed my mind');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.decide_privacy_request(:'objection', 'refused', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.decide_privacy_request(:'objection', 'refused', 'Nothing is processed for marketing');
SELECT saas.decide_privacy_request(:'objection', 'maybe', 'x');
\echo :LAST_ERROR_SQLSTATE
-- What a function does is not said to be done by hand.
SELECT saas.verify_privacy_request(:'erasure');
SELECT saas.decide_privacy_request(:'erasure', 'in_progress', 'Identity card seen');
SELECT saas.decide_privacy_request(:'erasure', 'completed', 'Gone');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.verify_privacy_request('00000000-0000-0000-0000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.verify_privacy_request(NULL);
SELECT saas.decide_privacy_request(NULL, 'refused', 'x');
SELECT saas.decide_privacy_request(:'access', NULL, 'x');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
SELECT kind, status, decision, verified_at IS NOT NULL AS verified, completed_at IS NOT NULL AS completed, handled_by = :'root' AS by_root
  FROM saas.privacy_requests ORDER BY id;
-- Closed, it may be asked for anew; the log has the reason.
SELECT saas.open_privacy_request(:'ann', 'objection') IS NOT NULL AS opened;
SELECT new_values ->> 'status' AS status, reason FROM saas.platform_audit_logs WHERE action = 'privacy_requests.update' ORDER BY id;
SELECT * FROM saas.check_invariants();
