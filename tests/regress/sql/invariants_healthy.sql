-- Nothing is found where everything went by the rules.
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
SELECT * FROM saas.check_invariants();
BEGIN;
SELECT saas.begin_request_as(:'ann', :'acme');
UPDATE saas.tenants SET name = 'Acme Inc.' WHERE id = :'acme';
INSERT INTO saas.tenant_invitations (tenant_id, email, role_id, token_hash, expires_at)
SELECT :'acme', 'dan@example.com', id, sha256('token'), now() + interval '1 day' FROM saas.roles WHERE key = 'tenant_member';
COMMIT;
-- Changes, deletions, a changed key; a person who leaves, and comes back.
BEGIN;
SELECT saas.begin_request_as(:'eve', :'acme');
DELETE FROM saas.tenant_members WHERE user_id = :'eve';
COMMIT;
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT :'acme', :'eve', id FROM saas.roles WHERE key = 'tenant_guest';
UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_admin') WHERE user_id = :'eve';
BEGIN;
SELECT saas.begin_request_as(:'eve', :'acme');
UPDATE saas.tenant_invitations SET revoked_at = now() WHERE tenant_id = :'acme';
COMMIT;
UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_guest') WHERE user_id = :'eve';
UPDATE saas.tenant_members SET id = saas.uuid_v7() WHERE user_id = :'eve';
-- A tenant of his own, a role of its own, a key that was used.
BEGIN;
SELECT saas.begin_request_as(:'eve');
INSERT INTO saas.tenants (id, name) VALUES ('00000000-0000-7000-8000-000000000002', 'Evil');
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT '00000000-0000-7000-8000-000000000002', :'eve', id FROM saas.roles WHERE key = 'tenant_owner';
INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('evil:reader', false, '00000000-0000-7000-8000-000000000002');
INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p WHERE r.key = 'evil:reader' AND p.key = 'tenant.read';
INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash)
SELECT '00000000-0000-7000-8000-000000000002', :'eve', id, 'CI', 'saas_key_0', sha256('secret') FROM saas.roles WHERE key = 'evil:reader';
COMMIT;
SET timezone = 'America/New_York';
UPDATE saas.api_keys SET last_used_at = now();
UPDATE saas.tenants SET suspended_at = now() WHERE id = '00000000-0000-7000-8000-000000000002';
UPDATE saas.tenants SET suspended_at = NULL WHERE id = '00000000-0000-7000-8000-000000000002';
RESET timezone;
-- Support on behalf of Ann; then Bob's role ends.
INSERT INTO saas.impersonation_sessions (id, actor_id, target_user_id, tenant_id, reason, expires_at)
VALUES ('00000000-0000-7000-8000-0000000000f1', :'bob', :'ann', :'acme', 'Ticket 1', now() + interval '30 minutes');
SELECT saas.create_session(:'bob') AS token \gset
BEGIN;
SELECT saas.begin_request(:'token', impersonation_id => '00000000-0000-7000-8000-0000000000f1');
UPDATE saas.tenants SET time_zone = 'Europe/Rome' WHERE id = :'acme';
COMMIT;
UPDATE saas.impersonation_sessions SET ended_at = now();
UPDATE saas.system_role_assignments SET revoked_at = now(), revoked_by = :'bob', revoke_reason = 'Off call';
-- A column comes and goes.
ALTER TABLE saas.tenants ADD slug text;
UPDATE saas.tenants SET slug = 'x';
ALTER TABLE saas.tenants DROP slug;
-- Erased on request.
INSERT INTO saas.users (id, email) VALUES ('00000000-0000-7000-8000-0000000000c1', 'cid@example.com');
INSERT INTO saas.privacy_requests (user_id, kind, due_at, status) VALUES ('00000000-0000-7000-8000-0000000000c1', 'erasure', now() + interval '1 month', 'in_progress');
UPDATE saas.users SET email = 'erased@invalid', deleted_at = now() WHERE id = '00000000-0000-7000-8000-0000000000c1';
DELETE FROM saas.tenants WHERE name = 'Evil';
TRUNCATE saas.tenant_invitations;
SELECT * FROM saas.check_invariants();
-- The very first rows, from before the log, need no trail.
SELECT count(*) > 0 AS with_seeds, (SELECT count(*) FROM saas.platform_audit_logs WHERE target_type = 'plans') AS logged FROM saas.roles;
