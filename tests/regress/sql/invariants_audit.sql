-- Invariant 2: no platform action without an audit row.
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
SET session_replication_role = replica;
INSERT INTO saas.tenants (id, name) VALUES ('00000000-0000-7000-8000-000000000002', 'Unseen');
RESET session_replication_role;
SELECT * FROM saas.check_invariants();
-- A change, of one column.
ALTER TABLE saas.system_role_assignments DISABLE TRIGGER trg_audit_update;
UPDATE saas.system_role_assignments SET revoked_at = now(), revoke_reason = 'Quietly' WHERE assigned_user_id = :'bob';
ALTER TABLE saas.system_role_assignments ENABLE TRIGGER trg_audit_update;
SELECT * FROM saas.check_invariants();
-- A right that a role got unseen: of a role that was made later than the seeds.
INSERT INTO saas.roles (id, key, is_system) VALUES ('00000000-0000-7000-8000-0000000000d1', 'platform_intern', true);
SET session_replication_role = replica;
INSERT INTO saas.role_permissions SELECT '00000000-0000-7000-8000-0000000000d1', id FROM saas.permissions WHERE key = 'platform.system.configure';
RESET session_replication_role;
SELECT invariant, split_part(object, '/', 1) AS object, detail FROM saas.check_invariants() ORDER BY 2;
-- A row that came back after its deletion.
DELETE FROM saas.tenant_members WHERE user_id = :'eve';
SET session_replication_role = replica;
INSERT INTO saas.tenant_members (tenant_id, id, user_id, role_id) SELECT :'acme', '00000000-0000-7000-8000-0000000000e2', :'eve', id FROM saas.roles WHERE key = 'tenant_guest';
RESET session_replication_role;
SELECT invariant, object, detail FROM saas.check_invariants() WHERE object ~ 'members';
