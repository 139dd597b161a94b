-- Who is in the log: the person of the request, with session and address; without one the database role.
\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b1'
\set acme '00000000-0000-7000-8000-000000000001'
INSERT INTO saas.users (id, email) VALUES (:'ann', 'ann@example.com'), (:'bob', 'bob@example.com');
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT :'acme', :'ann', id FROM saas.roles WHERE key = 'tenant_owner';
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'bob', id, :'bob', 'On call' FROM saas.roles WHERE key = 'platform_support';
INSERT INTO saas.impersonation_sessions (id, actor_id, target_user_id, tenant_id, reason, expires_at)
VALUES ('00000000-0000-7000-8000-0000000000f1', :'bob', :'ann', :'acme', 'Ticket 1', now() + interval '30 minutes');
INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash)
SELECT :'acme', :'ann', id, 'CI', 'saas_key_0', sha256('saas_key_00000000-0000-7000-8000-000000000001_secret') FROM saas.roles WHERE key = 'tenant_admin';
SELECT saas.create_session(:'ann', ip_address => '192.0.2.1', user_agent => 'curl/8') AS ann_token,
       saas.create_session(:'bob', ip_address => '2001:db8::1') AS bob_token \gset
-- A session.
BEGIN;
SELECT saas.begin_request(:'ann_token', :'acme');
UPDATE saas.tenants SET name = 'by a session';
COMMIT;
-- Asserted by a gateway: no session.
BEGIN;
SELECT saas.begin_request_as(:'ann', :'acme');
UPDATE saas.tenants SET name = 'by a gateway';
COMMIT;
-- An API key.
BEGIN;
SELECT saas.begin_request('saas_key_00000000-0000-7000-8000-000000000001_secret');
UPDATE saas.tenants SET name = 'by a key';
COMMIT;
-- Support on behalf of a user.
BEGIN;
SELECT saas.begin_request(:'bob_token', impersonation_id => '00000000-0000-7000-8000-0000000000f1');
UPDATE saas.tenants SET name = 'by support';
COMMIT;
-- After the request: nobody but the database role.
UPDATE saas.tenants SET name = 'by the database';
SET ROLE saas_owner;
UPDATE saas.tenants SET name = 'by the owner';
RESET ROLE;
SELECT new_values ->> 'name' AS change, actor_type, actor_id, database_role, on_behalf_of, impersonation_id,
       session_id IS NOT NULL AS session, request_id IS NOT NULL AS request, ip_address, user_agent
  FROM saas.platform_audit_logs WHERE action = 'tenants.update' ORDER BY id;
SELECT xid = pg_current_xact_id() AS this_transaction, epoch ~ '^\d+/\d+$' AS names_the_cluster, occurred_at = now() AS now
  FROM saas.platform_audit_logs ORDER BY id DESC LIMIT 1;
BEGIN;
UPDATE saas.tenants SET name = 'again';
SELECT xid = pg_current_xact_id() AS this_transaction, epoch ~ '^\d+/\d+$' AS names_the_cluster, occurred_at = now() AS now
  FROM saas.platform_audit_logs ORDER BY id DESC LIMIT 1;
COMMIT;
