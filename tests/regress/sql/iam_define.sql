-- Permissions and platform roles of an application: by whom, idempotent, and the two worlds apart.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin') \g /dev/null
SELECT saas.create_user(n || '@example.com', n) FROM unnest(ARRAY['root', 'conny', 'ann', 'temp']) n \g /dev/null
SELECT saas.create_session(id) AS root_token, id AS root FROM saas.users WHERE name = 'root' \gset
SELECT saas.create_session(id) AS conny_token, id AS conny FROM saas.users WHERE name = 'conny' \gset
SELECT saas.create_session(id) AS ann_token, id AS ann FROM saas.users WHERE name = 'ann' \gset
SELECT saas.create_session(id) AS temp_token, id AS temp FROM saas.users WHERE name = 'temp' \gset
SELECT saas.create_tenant('Acme', :'ann') AS acme \gset
INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('acme:reader', false, :'acme');
CREATE VIEW public.roles AS
  SELECT r.key, r.is_break_glass, string_agg(p.key, ' ' ORDER BY p.key) AS permissions
    FROM saas.roles r LEFT JOIN saas.role_permissions rp ON rp.role_id = r.id LEFT JOIN saas.permissions p ON p.id = rp.permission_id
   GROUP BY r.id ORDER BY r.key;
-- The data owner, without a context.
SELECT saas.define_platform_role('platform_conny', ARRAY['platform.system.configure', 'platform.tenant.read']) AS conny_role \gset
SELECT saas.define_permission('report.export', 'Export reports', ARRAY['tenant_owner', 'tenant_admin']);
SELECT saas.define_permission('platform.report.view', 'See all reports', ARRAY['platform_support']);
SELECT saas.grant_system_role(:'root', 'platform_superadmin', 'The first') IS NOT NULL AS root,
       saas.grant_system_role(:'conny', 'platform_conny', 'Configures') IS NOT NULL AS conny,
       saas.grant_system_role(:'temp', 'platform_superadmin', 'For a day', now() + interval '1 day') IS NOT NULL AS temp;
SELECT key, permissions FROM public.roles WHERE permissions LIKE '%report.%';
-- Again: nothing changes, and nothing is logged. A new description is; roles are added, not taken away.
SELECT count(*) AS logged FROM saas.platform_audit_logs \gset
SELECT saas.define_permission('report.export', 'Export reports', ARRAY['tenant_owner', 'tenant_owner']);
SELECT saas.define_platform_role('platform_conny', ARRAY['platform.tenant.read', 'platform.system.configure', 'platform.tenant.read']) = :'conny_role' AS same;
SELECT count(*) - :logged AS logged FROM saas.platform_audit_logs;
SELECT saas.define_permission('report.export', 'Export all reports', ARRAY['tenant_guest']);
SELECT p.description, string_agg(r.key, ' ' ORDER BY r.key) AS roles FROM saas.permissions p JOIN saas.role_permissions rp ON rp.permission_id = p.id
  JOIN saas.roles r ON r.id = rp.role_id WHERE p.key = 'report.export' GROUP BY 1;
-- Keys and arguments.
SELECT saas.define_permission(k, 'x') FROM unnest(ARRAY['report']) k;
SELECT saas.define_permission('Report.export', 'x');
SELECT saas.define_permission('report..export', 'x');
SELECT saas.define_permission('report.export ', 'x');
SELECT saas.define_permission('report.' || repeat('x', 200), 'x');
SELECT saas.define_permission('report.é', 'x');
SELECT saas.define_permission(NULL, 'x');
SELECT saas.define_permission('report.x', NULL);
SELECT saas.define_permission('report.x', 'x', NULL);
SELECT saas.define_permission('report.x', 'x', ARRAY['tenant_owner', NULL]);
SELECT saas.define_permission('report.x', 'x', ARRAY['tenant_ovner']);
SELECT saas.define_permission('report.x', 'x', ARRAY['acme:reader']);
SELECT saas.define_platform_role('Platform', '{}');
SELECT saas.define_platform_role('', '{}');
SELECT saas.define_platform_role('platform.x', '{}');
SELECT saas.define_platform_role('platform_x', NULL);
SELECT saas.define_platform_role('platform_x', '{}', NULL);
SELECT saas.define_platform_role('platform_x', ARRAY['platform.tenant.reed']);
-- The two worlds.
SELECT saas.define_permission('report.x', 'x', ARRAY['platform_support']);
SELECT saas.define_permission('platform.x', 'x', ARRAY['tenant_owner']);
SELECT saas.define_platform_role('platform_x', ARRAY['tenant.read']);
SELECT saas.define_platform_role('tenant_owner', ARRAY['platform.tenant.read']);
SELECT saas.define_platform_role('acme:reader', ARRAY['platform.tenant.read']);
SELECT count(*) AS none FROM saas.permissions WHERE key LIKE '%.x';
-- Only what carries everything may carry both, and in a tenant it opens nothing.
SELECT saas.define_permission('report.all', 'All', ARRAY['platform_superadmin']);
-- For emergencies or not is decided once.
SELECT saas.define_platform_role('platform_fire', ARRAY['platform.tenant.suspend'], true) IS NOT NULL AS defined;
SELECT saas.define_platform_role('platform_fire', ARRAY['platform.tenant.suspend']);
SELECT saas.define_platform_role('platform_conny', ARRAY['platform.tenant.read'], true);
UPDATE saas.roles SET is_break_glass = false WHERE key = 'platform_fire';
-- Persons: with platform.system.configure, and not beyond what they have themselves.
SET SESSION AUTHORIZATION saas_app;
SELECT saas.define_permission('report.y', 'y');
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.define_permission('report.y', 'y');
SELECT saas.define_platform_role('platform_y', '{}');
BEGIN;
SELECT saas.begin_request(:'ann_token') \g /dev/null
SAVEPOINT s;
SELECT saas.define_permission('report.y', 'y');
ROLLBACK TO s;
SELECT saas.define_platform_role('platform_y', '{}');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'conny_token') \g /dev/null
SELECT saas.define_permission('report.y', 'y', ARRAY['tenant_member']);
-- New: nobody has it yet, so he says who does.
SELECT saas.define_permission('platform.y', 'y', ARRAY['platform_support']);
SELECT saas.define_platform_role('platform_reader', ARRAY['platform.tenant.read']) IS NOT NULL AS defined;
SAVEPOINT s;
-- Not to himself what others have, not more to a role, no role above his own: not even less of it.
SELECT saas.define_permission('platform.tenant.delete', 'mine', ARRAY['platform_conny']);
ROLLBACK TO s;
SELECT saas.define_platform_role('platform_reader', ARRAY['platform.tenant.read', 'platform.tenant.delete']);
ROLLBACK TO s;
SELECT saas.define_platform_role('platform_superadmin', ARRAY['platform.tenant.read']);
ROLLBACK TO s;
-- Less of his own he may, while others are left who configure.
SELECT saas.define_platform_role('platform_conny', ARRAY['platform.tenant.read']) = :'conny_role' AS same;
SELECT saas.has_system_permission('platform.system.configure');
COMMIT;
-- Whoever has everything for a day only defines nothing that stays.
BEGIN;
SELECT saas.begin_request(:'temp_token') \g /dev/null
SAVEPOINT s;
SELECT saas.define_platform_role('platform_mine', ARRAY['platform.tenant.read']);
ROLLBACK TO s;
SELECT saas.define_permission('platform.tenant.delete', 'Delete tenants', ARRAY['platform_support']);
ROLLBACK;
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.revoke_system_role(id, 'Done') FROM saas.system_role_assignments WHERE assigned_user_id = :'temp';
-- But not the last one.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'root_token') \g /dev/null
SELECT saas.define_platform_role('platform_superadmin', ARRAY['platform.tenant.read']);
ROLLBACK;
RESET SESSION AUTHORIZATION;
SELECT * FROM public.roles WHERE key LIKE 'platform%' AND key <> 'platform_superadmin';
SELECT * FROM saas.check_invariants();
