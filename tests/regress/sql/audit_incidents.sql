-- Security events are looked at, incidents opened, moved on and reviewed; every move is kept.
\set ON_ERROR_ROLLBACK on
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin'), saas.grant_access('saas_gateway', 'gateway'),
       saas.grant_access('saas_worker', 'worker'), saas.grant_access('saas_auditor', 'auditor');
SELECT saas.create_user('ann@example.com') AS ann, saas.create_user('sam@example.com') AS sam \gset
SELECT saas.create_tenant('Acme', :'ann') AS acme \gset
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'sam', id, :'sam', 'On call' FROM saas.roles WHERE key = 'platform_support';
SELECT saas.create_session(:'ann') AS ann_token, saas.create_session(:'sam') AS sam_token \gset

SET SESSION AUTHORIZATION saas_gateway;
SELECT saas.report_security_event('login.failed', 'medium', 'ann@example.com', '{"times": 20}', :'ann', :'acme', '192.0.2.1') AS login \gset
SELECT saas.report_security_event(kind => 'scan', severity => 'low') AS scan \gset
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.report_security_event('export.large', 'high', detail => '{"rows": 1000000}', tenant_id => :'acme') AS export, saas.report_security_event('noise', 'info') AS noise,
       saas.report_security_event('late', 'low') AS late \gset
SELECT saas.report_security_event('x', 'terrible');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.report_security_event(' ', 'low');
SELECT saas.report_security_event('x', 'low', detail => '[]');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.report_security_event('x', 'low', user_id => '00000000-0000-0000-0000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.report_security_event(NULL, 'low');
SELECT saas.report_security_event('x', NULL);
SELECT saas.report_security_event('x', 'low', detail => NULL);
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION saas_app;
SELECT saas.report_security_event('x', 'low');
\echo :LAST_ERROR_SQLSTATE

SET SESSION AUTHORIZATION saas_admin;
SELECT saas.acknowledge_security_event(:'login', 'Seen');
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT saas.begin_request(:'ann_token') = :'ann' AS ann;
SELECT saas.acknowledge_security_event(:'login', 'Seen');
SELECT saas.open_incident('Mine', 'low');
SELECT saas.move_incident(:'login', 'contained', 'x');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
BEGIN;
SELECT saas.begin_request(:'sam_token') = :'sam' AS sam;
SELECT kind, severity, subject, ip_address, evidence, status FROM saas.security_events ORDER BY id;
SELECT saas.acknowledge_security_event(:'login', 'Looks like stuffing');
SELECT saas.acknowledge_security_event(:'login', 'Again');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.acknowledge_security_event(:'scan', ' ');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.acknowledge_security_event(NULL, 'x');
SELECT saas.acknowledge_security_event(:'scan', NULL);
SELECT saas.dismiss_security_event('00000000-0000-0000-0000-000000000000', 'x');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.dismiss_security_event(:'noise', 'A scanner of ours');
SELECT saas.acknowledge_security_event(:'noise', 'After all');
\echo :LAST_ERROR_SQLSTATE
-- An incident takes its events with it, each once.
SELECT saas.open_incident('Accounts under attack', 'high', ARRAY[:'login', :'export', :'login']::uuid[], 'Many logins from one network') AS incident \gset
SELECT saas.open_incident('Again', 'high', ARRAY[:'login']::uuid[]);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_incident('Noise', 'low', ARRAY[:'scan', :'noise']::uuid[]);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_incident('Nothing', 'low', ARRAY[:'scan', '00000000-0000-0000-0000-000000000000']::uuid[]);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_incident('Nothing', 'info');
SELECT saas.open_incident('', 'low');
SELECT saas.open_incident('Nothing', 'low', kind => 'weather');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_incident('Nothing', 'low', ARRAY[NULL]::uuid[]);
SELECT saas.open_incident('Nothing', 'low', NULL);
SELECT saas.open_incident(NULL, 'low');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.open_incident('Slow since noon', 'low', kind => 'availability') IS NOT NULL AS without_events;
SELECT kind, status, incident_id = :'incident' AS of_it FROM saas.security_events ORDER BY id;
-- Another event can join it later.
SELECT saas.escalate_security_event(:'scan', :'incident', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.escalate_security_event(:'noise', :'incident', 'x');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.escalate_security_event(:'scan', '00000000-0000-0000-0000-000000000000', 'x');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.escalate_security_event(:'late', :'incident', 'Same network');
-- From state to state as listed, with what was said.
SELECT saas.move_incident(:'incident', 'reviewed', 'All well');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.move_incident(:'incident', 'contained', 'Network blocked');
SELECT saas.move_incident(:'incident', 'contained', 'Still');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.move_incident(:'incident', 'resolved', 'Passwords reset');
SELECT saas.move_incident(:'incident', 'open', 'They are back');
SELECT status, contained_at, resolved_at FROM saas.incidents WHERE id = :'incident';
SELECT saas.move_incident(:'incident', 'resolved', 'MFA for all');
SELECT saas.move_incident(:'incident', 'reviewed', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.move_incident(:'incident', 'reviewed', E' \n');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.move_incident(:'incident', 'closed', 'x');
SELECT saas.move_incident(:'incident', NULL, 'x');
SELECT saas.move_incident(NULL, 'open', 'x');
SELECT saas.move_incident('00000000-0000-0000-0000-000000000000', 'open', 'x');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.move_incident(:'incident', 'reviewed', 'Cause: no rate limit. Now there is one.');
SELECT saas.move_incident(:'incident', 'open', 'Once more');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.escalate_security_event(:'scan', :'incident', 'x');
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SET SESSION AUTHORIZATION saas_auditor;
SELECT status, opened_by = :'sam' AS opened, reviewed_by = :'sam' AS reviewed, resolved_at IS NOT NULL AS resolved, post_mortem FROM saas.incidents WHERE id = :'incident';
SELECT coalesce(i.title, e.kind) AS what, h.from_state, h.to_state, h.note, h.moved_by = :'sam' AS by_sam
  FROM saas.incident_history h LEFT JOIN saas.incidents i ON i.id = h.incident_id LEFT JOIN saas.security_events e ON e.id = h.security_event_id ORDER BY what, h.id;
SET SESSION AUTHORIZATION saas_owner;
-- Moves by hand are kept as well, and nothing of the history changes.
UPDATE saas.security_events SET status = 'acknowledged' WHERE id = :'scan';
SELECT from_state, to_state, note, moved_by FROM saas.incident_history ORDER BY id DESC LIMIT 1;
UPDATE saas.incident_history SET note = 'x';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM saas.incident_history;
TRUNCATE saas.incident_history;
\echo :LAST_ERROR_SQLSTATE
-- Nor does what was reported.
UPDATE saas.security_events SET evidence = '{"rows": 1}' WHERE id = :'scan';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM saas.security_events;
TRUNCATE saas.security_events CASCADE;
\echo :LAST_ERROR_SQLSTATE
SET session_replication_role = replica;
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION DEFAULT;
SET session_replication_role = replica;
DELETE FROM saas.security_events;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM saas.incident_history;
\echo :LAST_ERROR_SQLSTATE
RESET session_replication_role;
SET SESSION AUTHORIZATION saas_owner;
-- Each move is in the audit log too, which the tenant that an event is about does not see.
SELECT action, count(*), count(tenant_id) AS told_the_tenant FROM saas.platform_audit_logs WHERE target_type IN ('incidents', 'incident_history') GROUP BY 1 ORDER BY 1;
SELECT reason FROM saas.platform_audit_logs WHERE action = 'incidents.update' ORDER BY id;
SELECT * FROM saas.check_invariants();
