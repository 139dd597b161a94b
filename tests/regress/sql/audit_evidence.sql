-- The evidence of a day, by control: what happened, and what is not as it should be.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET SESSION AUTHORIZATION saas_owner;
-- Nothing has happened yet but that somebody got access.
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin'), saas.grant_access('saas_auditor', 'auditor'), saas.grant_access('saas_gateway', 'gateway') \g /dev/null
SELECT control, finding, count(*) FROM saas.evidence() GROUP BY 1, 2 ORDER BY 1, 2;
SELECT saas.create_user('ann@example.com') AS ann, saas.create_user('ben@example.com') AS ben, saas.create_user('root@example.com') AS root, saas.create_user('sam@example.com') AS sam \gset
SELECT saas.create_tenant('Acme', :'ann') AS acme \gset
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason, assigned_at)
SELECT a.u::uuid, r.id, :'root', 'The first', a.at
  FROM (VALUES (:'root', 'platform_superadmin', now()), (:'sam', 'platform_support', now() - interval '91 days')) a (u, key, at) JOIN saas.roles r USING (key);
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason, assigned_at, expires_at)
SELECT :'ben', r.id, :'root', 'For a week', now() - interval '7 days', now() - interval '1 hour' FROM saas.roles r WHERE key = 'platform_support';
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason, assigned_at, revoked_at, revoked_by, revoke_reason)
SELECT :'ben', r.id, :'root', 'For a week', now() - interval '7 days', now(), :'root', 'Left' FROM saas.roles r WHERE key = 'platform_admin';
SELECT saas.create_session(:'root') AS root_token, saas.create_session(:'ann') AS ann_token \gset
SELECT saas.define_permission('report.read', 'Reading reports', ARRAY['tenant_owner']);
-- A tenant's own role is its own affair.
INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('acme.own', false, :'acme');
INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p WHERE r.key = 'acme.own' AND p.key = 'tenant.read';
INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash, created_at)
SELECT :'acme', :'ann', id, k.name, 'saas_key', sha256(k.name::bytea), k.at
  FROM saas.roles r, (VALUES ('old', now() - interval '91 days'), ('new', now())) k (name, at) WHERE r.key = 'tenant_guest';
SELECT saas.define_platform_role('platform_emergency', ARRAY['platform.tenant.suspend'], is_break_glass => true) \g /dev/null
INSERT INTO saas.break_glass_events (user_id, role_id, reason, opened_at, expires_at)
SELECT :'root', id, 'Fire', now() - interval '73 hours', now() - interval '72 hours' FROM saas.roles WHERE key = 'platform_emergency';
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT saas.open_break_glass('platform_emergency', 'Fire') IS NOT NULL AS opened;
SELECT saas.start_impersonation(:'ann', :'acme', 'Ticket 7') IS NOT NULL AS started;
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
INSERT INTO saas.security_events (kind, severity, occurred_at) VALUES ('scan', 'medium', now() - interval '25 hours'), ('scan', 'info', now()), ('scan', 'low', now() - interval '25 hours');
SELECT saas.open_incident('Slow', 'low', kind => 'availability') \g /dev/null
INSERT INTO saas.incidents (title, severity, status, opened_at, resolved_at) VALUES ('Old', 'low', 'resolved', now() - interval '30 days', now() - interval '15 days');
UPDATE saas.settings SET usage_slots = 4;
SELECT saas.record_consent(:'ann', 'newsletter', 'consent', '1'), saas.withdraw_consent(:'ann', 'newsletter') \g /dev/null
INSERT INTO saas.privacy_requests (user_id, kind, received_at, due_at) VALUES
  (:'ann', 'objection', now() - interval '40 days', now() - interval '1 day'), (:'ann', 'rectification', now() - interval '20 days', now() + interval '6 days'),
  (:'sam', 'objection', now(), now() + interval '8 days');
SELECT saas.export_personal_data(saas.open_privacy_request(:'ann', 'access')) IS NOT NULL AS exported;
SELECT saas.open_privacy_request(:'ben', 'erasure') AS request \gset
SELECT saas.verify_privacy_request(:'request'), saas.erase_user(:'request') \g /dev/null
INSERT INTO saas.sessions (user_id, token_hash, created_at, expires_at) VALUES (:'ann', sha256('old'), '2020-01-01Z', now() - interval '98 days');
INSERT INTO saas.personal_data_registry (table_name, column_name, category, purpose, legal_basis, on_erasure) VALUES ('crm', 'phone', 'contact', 'support', 'consent', 'delete');
INSERT INTO saas.audit_retirements (period_start, period_end, row_count) VALUES ('2020-01-01Z', '2020-02-01Z', 1);
-- A session of the erased, which no trigger lets in.
ALTER TABLE saas.sessions DISABLE TRIGGER trg_refuse_erased_user;
INSERT INTO saas.sessions (user_id, token_hash, expires_at) VALUES (:'ben', sha256('erased'), now() + interval '1 day');
ALTER TABLE saas.sessions ENABLE TRIGGER trg_refuse_erased_user;
-- A ledger without its guard is a broken invariant.
ALTER TABLE saas.tenant_credit_ledger DISABLE TRIGGER trg_refuse_truncate;

SET SESSION AUTHORIZATION saas_auditor;
SELECT control, finding, count(*) FROM saas.evidence() GROUP BY 1, 2 ORDER BY 1, 2;
-- What each says, without what differs from run to run.
SELECT finding, regexp_replace(subject, ' [0-9a-f-]{36}.*', '') AS subject,
       detail - '{at,user_id,by,id,tenant_id,expires_at,ended_at,opened_at,received_at,due_at,sha256,old,new,since,resolved_at,approved_by,database_role,last_seen_at,detail}'::text[] AS detail
  FROM saas.evidence() WHERE finding <> 'rights_of_roles_changed' ORDER BY 1, 2, 3;
-- One control, and another time.
SELECT DISTINCT control, finding FROM saas.evidence('A.8.10') ORDER BY 1, 2;
SELECT DISTINCT finding FROM saas.evidence('A.8.2', now() + interval '1 hour') ORDER BY 1;
SELECT finding, detail ->> 'kind' AS kind FROM saas.evidence('CC7.2', now() - interval '2 days') WHERE finding = 'security_event' ORDER BY 2;
SELECT finding FROM saas.evidence('CC7.2') WHERE finding = 'audit_log_not_as_sealed';
SELECT * FROM saas.evidence('CC9.9');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM saas.evidence(since => NULL);
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION saas_app;
SELECT * FROM saas.evidence();
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'ann_token') = :'ann' AS ann;
SELECT * FROM saas.evidence();
\echo :LAST_ERROR_SQLSTATE
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT count(*) > 20 AS many FROM saas.evidence();
COMMIT;
-- Tampering, as a superuser could.
SET SESSION AUTHORIZATION DEFAULT;
SET session_replication_role = replica;
ALTER TABLE saas.platform_audit_logs DISABLE TRIGGER ALL;
DO $$ BEGIN EXECUTE format('ALTER TABLE saas.platform_audit_logs_%s DISABLE TRIGGER ALL', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')); END $$;
UPDATE saas.platform_audit_logs SET reason = 'nothing' WHERE action = 'settings.update';
RESET session_replication_role;
SET SESSION AUTHORIZATION saas_auditor;
SELECT control, finding, detail ->> 'problem' IS NOT NULL AS told FROM saas.evidence('A.8.15') WHERE finding = 'audit_log_not_as_sealed';
