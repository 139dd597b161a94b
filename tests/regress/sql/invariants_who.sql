-- Auditors, the data owner, and who has platform.security.view; nobody else.
\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b1'
\set eve '00000000-0000-7000-8000-0000000000e1'
\set acme '00000000-0000-7000-8000-000000000001'
-- Ann owns Acme and Eve is a guest there; Bob is of the platform's support.
INSERT INTO saas.users (id, email) VALUES (:'ann', 'ann@example.com'), (:'bob', 'bob@example.com'), (:'eve', 'eve@example.com');
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.tenant_members (tenant_id, id, user_id, role_id) SELECT :'acme', '00000000-0000-7000-8000-0000000000a2', :'ann', id FROM saas.roles WHERE key = 'tenant_owner';
INSERT INTO saas.tenant_members (tenant_id, id, user_id, role_id) SELECT :'acme', '00000000-0000-7000-8000-0000000000e2', :'eve', id FROM saas.roles WHERE key = 'tenant_guest';
INSERT INTO saas.system_role_assignments (id, assigned_user_id, role_id, assigned_by, reason)
SELECT '00000000-0000-7000-8000-0000000000b2', :'bob', id, :'bob', 'On call' FROM saas.roles WHERE key = 'platform_support';
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_auditor', 'auditor'),
       saas.grant_access('saas_admin', 'admin'), saas.grant_access('saas_worker', 'worker');
SELECT saas.create_session(:'bob') AS bob_token, saas.create_session(:'ann') AS ann_token \gset
SET SESSION AUTHORIZATION saas_auditor;
SELECT count(*) FROM saas.check_invariants();
SET SESSION AUTHORIZATION saas_owner;
SELECT count(*) FROM saas.check_invariants();
SET SESSION AUTHORIZATION saas_admin;
SELECT count(*) FROM saas.check_invariants();
BEGIN;
SELECT saas.begin_request(:'bob_token');
SELECT count(*) FROM saas.check_invariants();
COMMIT;
BEGIN;
SELECT saas.begin_request(:'ann_token', :'acme');
SELECT count(*) FROM saas.check_invariants();
COMMIT;
SET SESSION AUTHORIZATION saas_worker;
SELECT count(*) FROM saas.check_invariants();
SET SESSION AUTHORIZATION saas_app;
SELECT count(*) FROM saas.check_invariants();
