-- Every change of a platform table leaves an audit row with what changed, in the same statement.
\set ann '00000000-0000-7000-8000-0000000000a1'
\set acme '00000000-0000-7000-8000-000000000001'
CREATE VIEW trail AS
  SELECT action, target_id, tenant_id, reason, old_values - 'created_at' AS old_values, new_values - 'created_at' AS new_values
    FROM saas.platform_audit_logs ORDER BY id;
\pset format unaligned
\pset null '-'
BEGIN;
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
UPDATE saas.tenants SET name = 'Acme Inc.', time_zone = 'Europe/Rome';
-- Nothing changes: no row.
UPDATE saas.tenants SET name = name;
UPDATE saas.tenants SET name = 'x' WHERE false;
DELETE FROM saas.tenants;
TABLE trail;
ROLLBACK;
-- A changed key: the old row is gone, a new one is there.
BEGIN;
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
UPDATE saas.tenants SET id = '00000000-0000-7000-8000-000000000002';
TABLE trail OFFSET 1;
ROLLBACK;
-- Secrets never reach the log, nor do names and addresses; a change of one does.
BEGIN;
INSERT INTO saas.users (id, email) VALUES (:'ann', 'ann@example.com');
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.api_keys (id, tenant_id, user_id, role_id, name, prefix, key_hash)
SELECT '00000000-0000-7000-8000-000000000003', :'acme', :'ann', id, 'CI', 'saas_key_0', sha256('secret') FROM saas.roles WHERE key = 'tenant_member';
UPDATE saas.api_keys SET key_hash = sha256('another');
UPDATE saas.api_keys SET last_used_at = now();
INSERT INTO saas.jwt_keys (issuer, kid, algorithm, key) VALUES ('https://idp.example.com', '1', 'HS256', '{"kty": "oct", "k": "shared secret"}');
SELECT action, old_values - 'role_id' - 'created_at' AS old_values, new_values - 'role_id' - 'created_at' - 'id' AS new_values
  FROM saas.platform_audit_logs WHERE target_type IN ('api_keys', 'jwt_keys') ORDER BY id;
SELECT count(*) AS with_a_secret FROM saas.platform_audit_logs l, (VALUES ('secret'), ('another'), ('shared secret')) s (s)
 WHERE strpos(l::text, encode(sha256(s::bytea), 'hex')) > 0 OR strpos(l::text, 'shared') > 0;
ROLLBACK;
-- A reason that the row has is the reason of the log; a composite key is one text.
BEGIN;
INSERT INTO saas.users (id, email) VALUES (:'ann', 'ann@example.com');
INSERT INTO saas.system_role_assignments (id, assigned_user_id, role_id, assigned_by, reason)
SELECT '00000000-0000-7000-8000-000000000004', :'ann', id, :'ann', 'On call' FROM saas.roles WHERE key = 'platform_support';
UPDATE saas.system_role_assignments SET revoked_at = now(), revoked_by = :'ann', revoke_reason = 'Off call';
SELECT action, target_id, reason FROM saas.platform_audit_logs WHERE target_type = 'system_role_assignments' ORDER BY id;
INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p WHERE r.key = 'tenant_guest' AND p.key = 'billing.view';
SELECT action, target_id = r.id || '/' || p.id AS names_both FROM saas.platform_audit_logs, saas.roles r, saas.permissions p
 WHERE target_type = 'role_permissions' AND r.key = 'tenant_guest' AND p.key = 'billing.view';
ROLLBACK;
-- COPY, upsert, MERGE, a cascade, TRUNCATE.
BEGIN;
COPY saas.users (email) FROM stdin;
one@example.com
two@example.com
\.
INSERT INTO saas.users (email) VALUES ('one@example.com'), ('three@example.com')
  ON CONFLICT (lower(email)) DO UPDATE SET name = 'One';
MERGE INTO saas.users u USING (VALUES ('two@example.com', 'Two'), ('four@example.com', 'Four')) v (email, name) ON u.email = v.email
  WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT (email, name) VALUES (v.email, v.name);
SELECT l.action, u.email, l.new_values ->> 'name' AS name
  FROM saas.platform_audit_logs l JOIN saas.users u ON u.id::text = l.target_id ORDER BY l.id;
ROLLBACK;
BEGIN;
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('acme:auditor', false, :'acme');
DELETE FROM saas.tenants;
SELECT action, tenant_id FROM saas.platform_audit_logs ORDER BY id;
ROLLBACK;
BEGIN;
TRUNCATE saas.tenant_invitations;
SELECT action, target_type, target_id, tenant_id FROM saas.platform_audit_logs;
ROLLBACK;
-- Columns that a user adds are logged too, of types without equality too.
BEGIN;
ALTER TABLE saas.users ADD place point, ADD extra json, ADD "Odd name" text;
INSERT INTO saas.users (id, email, place, extra) VALUES (:'ann', 'ann@example.com', '(1,2)', '{"a":1}');
UPDATE saas.users SET "Odd name" = 'x';
ALTER TABLE saas.users DROP place, ADD more numeric DEFAULT 1.10;
UPDATE saas.users SET more = 1.1, extra = '{"a":2}';
INSERT INTO saas.users (id, email) VALUES ('00000000-0000-7000-8000-0000000000b1', 'bob@example.com');
ALTER TABLE saas.users ALTER more TYPE text;
INSERT INTO saas.users (id, email) VALUES ('00000000-0000-7000-8000-0000000000c1', 'cid@example.com');
INSERT INTO saas.permissions (id, key) VALUES ('00000000-0000-7000-8000-0000000000d1', 'a.b');
SELECT action, old_values - 'created_at' AS old_values, new_values - 'created_at' AS new_values FROM saas.platform_audit_logs ORDER BY id;
ROLLBACK;
-- A savepoint takes the change and its audit row together.
BEGIN;
INSERT INTO saas.users (email) VALUES ('ann@example.com');
SAVEPOINT s;
DELETE FROM saas.users;
ROLLBACK TO s;
COMMIT;
SELECT action FROM saas.platform_audit_logs ORDER BY id;
