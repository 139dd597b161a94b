-- Support acts as a member of a tenant: started, entered, seen, stopped; read-only; approved by a second person.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin') \g /dev/null
SELECT saas.create_user(n || '@example.com', n) FROM unnest(ARRAY['root', 'sam', 'ann', 'bob', 'cid']) n \g /dev/null
SELECT saas.create_session(id) AS root_token, id AS root FROM saas.users WHERE name = 'root' \gset
SELECT saas.create_session(id) AS sam_token, id AS sam FROM saas.users WHERE name = 'sam' \gset
SELECT saas.create_session(id) AS ann_token, id AS ann FROM saas.users WHERE name = 'ann' \gset
SELECT id AS bob FROM saas.users WHERE name = 'bob' \gset
SELECT id AS cid FROM saas.users WHERE name = 'cid' \gset
SELECT saas.create_tenant('Acme', :'ann') AS acme, saas.create_tenant('Globex', :'cid') AS globex \gset
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT t::uuid, :'bob', r.id
  FROM unnest(ARRAY[:'acme', :'globex']) t, saas.roles r WHERE r.key = 'tenant_admin';
SELECT saas.grant_system_role(:'root', 'platform_superadmin', 'The first') IS NOT NULL AS root,
       saas.grant_system_role(:'sam', 'platform_support', 'On call') IS NOT NULL AS sam;
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.start_impersonation(:'bob', :'acme', 'Ticket 1');
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SAVEPOINT s;
SELECT saas.start_impersonation(:'bob', :'acme', ' ');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', :'acme', NULL);
ROLLBACK TO s;
SELECT saas.start_impersonation(NULL, :'acme', 'x');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', NULL, 'x');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', :'acme', 'x', NULL);
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', :'acme', 'x', '61 minutes');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', :'acme', 'x', '0');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', :'acme', 'x', '-1 minute');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', :'acme', 'x', '1 month -30 days 59 seconds') IS NOT NULL AS a_minute;
ROLLBACK TO s;
-- Oneself, the platform's, no member, no such tenant or user.
SELECT saas.start_impersonation(:'sam', :'acme', 'x');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'root', :'acme', 'x');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'cid', :'acme', 'x');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', '00000000-0000-7000-8000-000000000009', 'x');
ROLLBACK TO s;
SELECT saas.start_impersonation('00000000-0000-7000-8000-000000000009', :'acme', 'x');
ROLLBACK TO s;
SELECT saas.start_impersonation(:'bob', :'acme', 'Ticket 1', '20 minutes', ticket => 'T-1') AS one \gset
COMMIT;
-- In a later transaction he is Bob, in Acme only.
SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'one') = :'bob' AS is_bob;
SELECT saas.current_user_id() = :'bob' AS user, saas.current_impersonator_id() = :'sam' AS impersonator,
       saas.current_tenant_id() = :'acme' AS tenant, saas.oneself() IS NULL AS not_himself,
       saas.has_tenant_permission(:'globex', 'tenant.read') AS elsewhere, saas.has_system_permission('platform.tenant.read') AS platform;
SELECT name FROM saas.tenants;
INSERT INTO saas.projects (tenant_id, title) VALUES (:'acme', 'By Sam as Bob');
SAVEPOINT s;
SELECT saas.begin_request(:'sam_token', :'globex', :'one');
ROLLBACK;
-- No nesting.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'one') \g /dev/null
SELECT saas.start_impersonation(:'ann', :'acme', 'Deeper');
ROLLBACK;
-- The tenant's owner sees it; other members don't.
SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'ann_token', :'acme') \g /dev/null
SELECT actor_id = :'sam' AS actor, target_user_id = :'bob' AS target, reason, ticket, expires_at - started_at AS lasts, ended_at FROM saas.impersonation_sessions;
ROLLBACK;
-- Stopped by its actor while he acts as Bob: the request ends with it. Twice is once.
BEGIN;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'one') \g /dev/null
SELECT saas.stop_impersonation(:'one');
SELECT saas.current_user_id() IS NULL AS nobody;
COMMIT;
BEGIN;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'one');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SELECT saas.stop_impersonation(:'one');
SAVEPOINT s;
SELECT saas.stop_impersonation('00000000-0000-7000-8000-000000000009');
ROLLBACK TO s;
SELECT saas.stop_impersonation(NULL);
ROLLBACK;
SELECT saas.stop_impersonation(:'one');
-- Read-only: PostgreSQL keeps it so.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SELECT saas.start_impersonation(:'bob', :'acme', 'Ticket 2', read_only => true) AS two \gset
COMMIT;
SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'two') \g /dev/null
SELECT count(*) AS tenants FROM saas.tenants;
SAVEPOINT s;
INSERT INTO saas.projects (tenant_id, title) VALUES (:'acme', 'By Sam as Bob');
ROLLBACK TO s;
SET TRANSACTION READ WRITE;
ROLLBACK TO s;
SET transaction_read_only = off;
ROLLBACK TO s;
SELECT set_config('transaction_read_only', 'off', true);
ROLLBACK TO s;
SELECT saas.stop_impersonation(:'two');
ROLLBACK TO s;
RELEASE s;
INSERT INTO saas.projects (tenant_id, title) VALUES (:'acme', 'By Sam as Bob');
ROLLBACK;
-- It can't begin where a savepoint's release would take that back.
BEGIN;
SAVEPOINT s;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'two');
ROLLBACK;
BEGIN;
DO $$ BEGIN PERFORM saas.begin_request('x'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'two') = :'bob' AS is_bob;
ROLLBACK;
-- With approval.
SET SESSION AUTHORIZATION saas_owner;
UPDATE saas.settings SET impersonation_approval = true;
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SELECT saas.approve_impersonation(:'two');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SELECT saas.start_impersonation(:'bob', :'acme', 'Ticket 3') AS three \gset
SELECT saas.approve_impersonation(:'three');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SELECT saas.start_impersonation(:'bob', :'acme', 'Ticket 3') AS three \gset
COMMIT;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'three');
BEGIN;
SELECT saas.begin_request(:'ann_token') \g /dev/null
SELECT saas.approve_impersonation(:'three');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'root_token') \g /dev/null
SAVEPOINT s;
SELECT saas.approve_impersonation('00000000-0000-7000-8000-000000000009');
ROLLBACK TO s;
SELECT saas.approve_impersonation(NULL);
ROLLBACK TO s;
SELECT saas.approve_impersonation(:'two');
ROLLBACK TO s;
SELECT saas.approve_impersonation(:'one');
ROLLBACK TO s;
SELECT saas.approve_impersonation(:'three');
SAVEPOINT s;
SELECT saas.approve_impersonation(:'three');
ROLLBACK TO s;
-- Approved is not his.
SELECT saas.stop_impersonation(:'three');
ROLLBACK TO s;
COMMIT;
BEGIN;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'three') = :'bob' AS is_bob;
-- What he does is logged with both.
SET LOCAL SESSION AUTHORIZATION saas_owner;
UPDATE saas.tenant_members SET member_type = 'guest' WHERE tenant_id = :'acme' AND user_id = :'bob';
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
SELECT action, actor_id = :'sam' AS actor, on_behalf_of = :'bob' AS on_behalf_of, impersonation_id = :'three' AS impersonation
  FROM saas.platform_audit_logs WHERE impersonation_id IS NOT NULL ORDER BY id;
-- A record stays what it was.
UPDATE saas.impersonation_sessions SET expires_at = started_at + interval '59 minutes' WHERE id = :'three';
UPDATE saas.impersonation_sessions SET ended_at = NULL WHERE id = :'one';
UPDATE saas.impersonation_sessions SET approved_by = :'ann' WHERE id = :'three';
UPDATE saas.impersonation_sessions SET reason = 'other' WHERE id = :'three';
SELECT saas.stop_impersonation('00000000-0000-7000-8000-000000000009');
SELECT saas.stop_impersonation(id) FROM saas.impersonation_sessions;
SELECT count(*) AS open FROM saas.impersonation_sessions WHERE ended_at IS NULL;
SELECT * FROM saas.check_invariants();
-- Forged: changed in a read-only one, and in one that nobody approved.
RESET SESSION AUTHORIZATION;
SET session_replication_role = replica;
UPDATE saas.impersonation_sessions SET read_only = true WHERE id = :'three';
RESET session_replication_role;
SELECT invariant, regexp_replace(detail, '^audit row \S+: ', '') AS detail FROM saas.check_invariants() WHERE invariant = 'impersonation_without_session';
SET session_replication_role = replica;
UPDATE saas.impersonation_sessions SET read_only = false, approved_by = NULL WHERE id = :'three';
RESET session_replication_role;
SELECT invariant, regexp_replace(detail, '^audit row \S+: ', '') AS detail FROM saas.check_invariants() WHERE invariant = 'impersonation_without_session';
