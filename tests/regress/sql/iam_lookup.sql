-- What one may, as lists; who may something; two roles side by side.
\set acme '00000000-0000-7000-8000-000000000001'
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin'), saas.grant_access('saas_gateway', 'gateway') \g /dev/null
INSERT INTO saas.users (id, email) VALUES
  ('00000000-0000-7000-8000-0000000000a1', 'ann@example.com'), ('00000000-0000-7000-8000-0000000000a2', 'bob@example.com'),
  ('00000000-0000-7000-8000-0000000000a3', 'cid@example.com'), ('00000000-0000-7000-8000-0000000000a4', 'sam@example.com');
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme'), ('00000000-0000-7000-8000-000000000002', 'Globex');
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT v.tenant::uuid, ('00000000-0000-7000-8000-0000000000' || v.person)::uuid, r.id
  FROM (VALUES (:'acme', 'a1', 'tenant_owner'), (:'acme', 'a2', 'tenant_guest'),
               ('00000000-0000-7000-8000-000000000002', 'a3', 'tenant_owner')) v (tenant, person, role)
  JOIN saas.roles r ON r.key = v.role;
INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('acme:reader', false, :'acme');
SELECT saas.grant_system_role('00000000-0000-7000-8000-0000000000a4', 'platform_support', 'On call') IS NOT NULL AS granted;
SELECT saas.create_session('00000000-0000-7000-8000-0000000000a1') AS ann \gset
SELECT saas.create_session('00000000-0000-7000-8000-0000000000a2') AS bob \gset
SELECT saas.create_session('00000000-0000-7000-8000-0000000000a3') AS cid \gset
SELECT saas.create_session('00000000-0000-7000-8000-0000000000a4') AS sam \gset
SET SESSION AUTHORIZATION saas_app;
-- Nobody may nothing, and is told nothing.
SELECT count(*) FROM saas.tenant_permissions(:'acme');
SELECT count(*) FROM saas.system_permissions();
SELECT saas.members_with_permission(:'acme', 'tenant.read');
SELECT saas.role_permission_diff('tenant_owner', 'tenant_guest');
SELECT saas.tenant_permissions(NULL);
SELECT saas.members_with_permission(NULL, 'tenant.read');
SELECT saas.members_with_permission(:'acme', NULL);
SELECT saas.role_permission_diff('tenant_owner', NULL);
-- An owner, a guest, a stranger.
BEGIN;
SELECT saas.begin_request(:'ann') \g /dev/null
SELECT string_agg(p, ' ') AS ann FROM saas.tenant_permissions(:'acme') p;
SELECT count(*) AS elsewhere FROM saas.tenant_permissions('00000000-0000-7000-8000-000000000002');
SELECT right(m::text, 2) AS billing_manage FROM saas.members_with_permission(:'acme', 'billing.manage') m;
SELECT right(m::text, 2) AS tenant_read FROM saas.members_with_permission(:'acme', 'tenant.read') m;
SELECT count(*) AS nobody FROM saas.members_with_permission(:'acme', 'tenant.delete');
SELECT * FROM saas.role_permission_diff('tenant_member', 'acme:reader');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'bob', :'acme') \g /dev/null
SELECT saas.tenant_permissions(:'acme') AS bob;
SELECT right(m::text, 2) AS project_create FROM saas.members_with_permission(:'acme', 'project.create') m;
SELECT saas.members_with_permission(:'acme', 'project.creat');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'cid') \g /dev/null
SELECT count(*) AS cid FROM saas.tenant_permissions(:'acme');
SELECT * FROM saas.role_permission_diff('tenant_member', 'tenant_guest');
SAVEPOINT s;
-- A tenant of others and one that does not exist look the same; so do roles.
SELECT saas.members_with_permission(:'acme', 'tenant.read');
ROLLBACK TO s;
SELECT saas.members_with_permission(saas.uuid_v7(), 'tenant.read');
ROLLBACK TO s;
SELECT saas.role_permission_diff('acme:reader', 'tenant_guest');
ROLLBACK TO s;
SELECT saas.role_permission_diff('tenant_gest', 'tenant_guest');
ROLLBACK;
-- Support sees the platform's side, and no tenant permission of his own.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam') \g /dev/null
SELECT string_agg(p, ' ') AS sam FROM saas.system_permissions() p;
SELECT count(*) AS in_acme FROM saas.tenant_permissions(:'acme');
SELECT right(m::text, 2) AS tenant_read FROM saas.members_with_permission(:'acme', 'tenant.read') m;
SELECT * FROM saas.role_permission_diff('acme:reader', 'tenant_guest');
SAVEPOINT s;
SELECT saas.members_with_permission(saas.uuid_v7(), 'tenant.read');
ROLLBACK;
SET SESSION AUTHORIZATION saas_gateway;
SELECT count(*) FROM saas.members_with_permission(:'acme', 'tenant.read');
SELECT saas.members_with_permission('00000000-0000-7000-8000-000000000009', 'tenant.read');
SELECT count(*) FROM saas.role_permission_diff('acme:reader', 'platform_support');
-- A suspended tenant has nobody.
SET SESSION AUTHORIZATION saas_owner;
UPDATE saas.tenants SET suspended_at = now() WHERE id = :'acme';
SELECT count(*) FROM saas.members_with_permission(:'acme', 'tenant.read');
