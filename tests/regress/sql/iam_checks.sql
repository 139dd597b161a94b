-- Permission checks: within a tenant, on the platform, and of keys that don't exist.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app');
SELECT saas.create_user('jane@example.com') AS jane \gset
SELECT saas.create_session(:'jane') AS token \gset
SELECT saas.create_tenant('Acme', :'jane') AS acme \gset
SELECT saas.create_user('joe@example.com') AS joe \gset
SELECT saas.create_tenant('Globex', :'joe') AS globex \gset
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT :'globex', :'jane', id FROM saas.roles WHERE key = 'tenant_guest';
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'jane', id, :'joe', 'example' FROM saas.roles WHERE key = 'platform_support';

SET SESSION AUTHORIZATION saas_app;
-- Without a context.
SELECT saas.has_tenant_permission('tenant.read'), saas.has_tenant_permission(:'acme', 'tenant.read'),
       saas.has_system_permission('platform.tenant.read'), saas.authorized_tenant_id('tenant.read'),
       saas.permitted_tenant_ids('tenant.read');
SELECT saas.require_tenant_permission('tenant.read');
SELECT saas.require_system_permission('platform.tenant.read');

-- In all of one's tenants.
BEGIN;
SELECT saas.begin_request(:'token') IS NOT NULL AS begun;
SELECT p AS permission, saas.has_tenant_permission(:'acme', p) AS acme, saas.has_tenant_permission(:'globex', p) AS globex,
       saas.has_tenant_permission(p) AS "current", cardinality(saas.permitted_tenant_ids(p)) AS tenants,
       saas.has_system_permission(p) AS platform
  FROM unnest(ARRAY['tenant.read', 'project.create', 'billing.manage', 'tenant.delete', 'platform.tenant.read',
                    'platform.system.configure']) p;
-- In one of them.
SELECT saas.begin_request(:'token', :'acme') IS NOT NULL AS begun;
SELECT p AS permission, saas.has_tenant_permission(:'acme', p) AS acme, saas.has_tenant_permission(:'globex', p) AS globex,
       saas.has_tenant_permission(p) AS "current", saas.permitted_tenant_ids(p) = ARRAY[:'acme']::uuid[] AS only_acme
  FROM unnest(ARRAY['tenant.read', 'project.create']) p;
SELECT saas.require_tenant_permission('project.create'), saas.require_tenant_permission(:'acme', 'project.create');
SAVEPOINT s;
SELECT saas.require_tenant_permission('tenant.delete');
ROLLBACK TO s;
SELECT saas.require_tenant_permission(:'globex', 'tenant.read');
ROLLBACK TO s;
SELECT saas.require_system_permission('platform.system.configure');
ROLLBACK TO s;
-- A typo is no denial.
SELECT saas.has_tenant_permission('project.craete');
ROLLBACK TO s;
SELECT saas.require_system_permission('platform.tenants.read');
ROLLBACK TO s;
SELECT saas.has_tenant_permission(:'acme', NULL);
ROLLBACK TO s;
-- Others are not asked about, but by platform.security.view.
SELECT saas.has_tenant_permission(:'joe', :'globex', 'tenant.read') AS as_support;
ROLLBACK;
SELECT saas.has_tenant_permission(:'joe', :'globex', 'tenant.read');
