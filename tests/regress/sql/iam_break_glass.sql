-- Emergency access: opened at once, closed, reviewed by somebody else, or an incident.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin'), saas.grant_access('saas_worker', 'worker') \g /dev/null
SELECT saas.create_user(n || '@example.com', n) FROM unnest(ARRAY['root', 'sam', 'ann']) n \g /dev/null
SELECT saas.create_session(id) AS root_token, id AS root FROM saas.users WHERE name = 'root' \gset
SELECT saas.create_session(id, ip_address => '192.0.2.7') AS sam_token, id AS sam FROM saas.users WHERE name = 'sam' \gset
SELECT saas.create_session(id) AS ann_token, id AS ann FROM saas.users WHERE name = 'ann' \gset
SELECT saas.define_platform_role('platform_fire', ARRAY['platform.tenant.suspend', 'platform.system.configure', 'platform.security.view'], true) AS fire \gset
SELECT saas.grant_system_role(:'root', 'platform_superadmin', 'The first') IS NOT NULL AS root,
       saas.grant_system_role(:'sam', 'platform_support', 'On call') IS NOT NULL AS sam;
SELECT saas.open_break_glass('platform_fire', 'x');
SET SESSION AUTHORIZATION saas_app;
SELECT saas.open_break_glass('platform_fire', 'x');
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.open_break_glass('platform_fire', 'x');
-- Not for tenants' people.
BEGIN;
SELECT saas.begin_request(:'ann_token') \g /dev/null
SELECT saas.open_break_glass('platform_fire', 'x');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SAVEPOINT s;
SELECT saas.open_break_glass('platform_fire', ' ');
ROLLBACK TO s;
SELECT saas.open_break_glass('platform_fire', NULL);
ROLLBACK TO s;
SELECT saas.open_break_glass(NULL, 'x');
ROLLBACK TO s;
SELECT saas.open_break_glass('platform_fire', 'x', NULL);
ROLLBACK TO s;
SELECT saas.open_break_glass('platform_fire', 'x', '0');
ROLLBACK TO s;
SELECT saas.open_break_glass('platform_fire', 'x', '-1 hour');
ROLLBACK TO s;
SELECT saas.open_break_glass('platform_fire', 'x', '25 hours');
ROLLBACK TO s;
SELECT saas.open_break_glass('platform_fyre', 'x');
ROLLBACK TO s;
SELECT saas.open_break_glass('platform_superadmin', 'x');
ROLLBACK TO s;
SELECT saas.open_break_glass('tenant_owner', 'x');
ROLLBACK TO s;
SELECT saas.has_system_permission('platform.tenant.suspend') AS before;
SELECT saas.open_break_glass('platform_fire', 'Acme is attacked', ticket => 'T-9') AS one \gset
SELECT saas.has_system_permission('platform.tenant.suspend') AS after;
SAVEPOINT s;
SELECT saas.open_break_glass('platform_fire', 'Twice');
ROLLBACK TO s;
COMMIT;
RESET SESSION AUTHORIZATION;
SELECT user_id = :'sam' AS sam, reason, ticket, expires_at - opened_at AS lasts, closed_at, reviewed_at FROM saas.break_glass_events;
SELECT a.assigned_by = :'sam' AS by_himself, a.reason, a.expires_at = b.expires_at AS as_long FROM saas.system_role_assignments a JOIN saas.break_glass_events b ON b.assignment_id = a.id;
SELECT severity, kind, subject, user_id = :'sam' AS sam, ip_address, status, evidence - 'expires_at' - 'break_glass_event_id' AS evidence FROM saas.security_events;
-- It is no way to something lasting: what he has for an hour he gives for an hour at most, and defines nothing with it.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SAVEPOINT s;
SELECT saas.define_platform_role('platform_mine', ARRAY['platform.tenant.suspend']);
ROLLBACK TO s;
SELECT saas.grant_system_role(:'sam', 'platform_fire', 'For ever');
ROLLBACK TO s;
-- Nor may he take the last ordinary right to configure away.
SELECT saas.revoke_system_role(id, 'Coup') FROM saas.system_role_assignments WHERE assigned_user_id = :'root';
ROLLBACK TO s;
-- Review is for others.
SELECT saas.review_break_glass(:'one', 'All fine');
ROLLBACK TO s;
SELECT saas.close_break_glass('00000000-0000-7000-8000-000000000009');
ROLLBACK TO s;
SELECT saas.close_break_glass(NULL);
ROLLBACK TO s;
SELECT saas.close_break_glass(:'one');
SELECT saas.has_system_permission('platform.tenant.suspend') AS closed;
SELECT saas.close_break_glass(:'one');
-- Again, as another event.
SELECT saas.open_break_glass('platform_fire', 'It goes on', '10 minutes') AS two \gset
COMMIT;
BEGIN;
SELECT saas.begin_request(:'ann_token') \g /dev/null
SAVEPOINT s;
SELECT saas.review_break_glass(:'one', 'x');
ROLLBACK TO s;
SELECT saas.close_break_glass(:'two');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'root_token') \g /dev/null
SAVEPOINT s;
SELECT saas.close_break_glass(:'two');
ROLLBACK TO s;
SELECT saas.review_break_glass(:'one', ' ');
ROLLBACK TO s;
SELECT saas.review_break_glass(:'one', NULL);
ROLLBACK TO s;
SELECT saas.review_break_glass(NULL, 'x');
ROLLBACK TO s;
SELECT saas.review_break_glass('00000000-0000-7000-8000-000000000009', 'x');
ROLLBACK TO s;
SELECT saas.review_break_glass(:'one', 'Acme was suspended, rightly');
SAVEPOINT s;
SELECT saas.review_break_glass(:'one', 'Second thoughts');
ROLLBACK TO s;
-- What is open ends with its review.
SELECT saas.has_system_permission(:'sam', 'platform.tenant.suspend') AS before;
SAVEPOINT s;
SELECT saas.review_break_glass(:'two', 'Enough');
SELECT saas.has_system_permission(:'sam', 'platform.tenant.suspend') AS after;
ROLLBACK TO s;
-- Whoever configures may also take it away.
SELECT saas.revoke_system_role(a.id, 'Enough') FROM saas.system_role_assignments a WHERE role_id = :'fire' AND revoked_at IS NULL;
COMMIT;
RESET SESSION AUTHORIZATION;
SELECT reason, closed_at IS NOT NULL AS closed, outcome, reviewed_by = :'root' AS by_root FROM saas.break_glass_events ORDER BY opened_at;
SELECT reason, revoke_reason FROM saas.system_role_assignments WHERE role_id = :'fire' ORDER BY assigned_at;
-- Overdue: one incident, once.
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.escalate_break_glass();
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.escalate_break_glass(NULL);
SELECT saas.escalate_break_glass() AS now, saas.escalate_break_glass(now() + interval '71 hours') AS before,
       saas.escalate_break_glass(now() + interval '73 hours') AS after;
SELECT saas.escalate_break_glass(now() + interval '73 hours') AS again;
RESET SESSION AUTHORIZATION;
SELECT i.kind, i.severity, i.status, i.title, regexp_replace(i.description, '(User|at) [0-9a-f-]{10,}( \S+ UTC)?', '\1 …', 'g') AS description, i.break_glass_event_id = :'two' AS two FROM saas.incidents i;
-- The log: who, what and why.
SELECT l.action, u.name AS actor, l.reason FROM saas.platform_audit_logs l JOIN saas.users u ON u.id = l.actor_id
 WHERE l.target_type IN ('break_glass_events', 'system_role_assignments') ORDER BY l.id;
-- A record stays what it was.
UPDATE saas.break_glass_events SET expires_at = expires_at + interval '1 hour' WHERE id = :'two';
UPDATE saas.break_glass_events SET closed_at = NULL WHERE id = :'two';
UPDATE saas.break_glass_events SET outcome = 'other' WHERE id = :'one';
UPDATE saas.system_role_assignments SET expires_at = NULL WHERE role_id = :'fire';
SELECT * FROM saas.check_invariants();
-- Forged: an assignment without an event, one that outlives its closing or its time.
SET session_replication_role = replica;
INSERT INTO saas.system_role_assignments (id, assigned_user_id, role_id, assigned_by, reason)
VALUES ('00000000-0000-7000-8000-0000000000f1', :'ann', :'fire', :'ann', 'x');
UPDATE saas.system_role_assignments SET revoked_at = NULL, revoked_by = NULL, revoke_reason = NULL WHERE role_id = :'fire' AND reason = 'It goes on';
RESET session_replication_role;
SELECT detail FROM saas.check_invariants() WHERE invariant = 'break_glass_without_event';
SET session_replication_role = replica;
UPDATE saas.break_glass_events SET closed_at = NULL WHERE id = :'two';
UPDATE saas.system_role_assignments SET expires_at = expires_at + interval '1 minute' WHERE role_id = :'fire' AND reason = 'It goes on';
RESET session_replication_role;
SELECT detail FROM saas.check_invariants() WHERE invariant = 'break_glass_without_event';
