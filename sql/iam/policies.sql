CREATE POLICY app_read ON saas.permissions FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY admin_read ON saas.permissions FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY auditor_read ON saas.permissions FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY app_read ON saas.role_permissions FOR SELECT TO CURRENT_USER
  USING (EXISTS (SELECT FROM saas.roles r WHERE r.id = role_id));
CREATE POLICY admin_read ON saas.role_permissions FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY auditor_read ON saas.role_permissions FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY app_read ON saas.roles FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL AND (tenant_id IS NULL OR saas.has_tenant_permission(tenant_id, 'tenant.read')));
CREATE POLICY admin_read ON saas.roles FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY auditor_read ON saas.roles FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY app_read ON saas.system_role_assignments FOR SELECT TO CURRENT_USER
  USING (assigned_user_id = saas.oneself());
CREATE POLICY admin_read ON saas.system_role_assignments FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view') OR assigned_user_id = saas.oneself());
CREATE POLICY auditor_read ON saas.system_role_assignments FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY app_read ON saas.impersonation_sessions FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.update'));
CREATE POLICY admin_read ON saas.impersonation_sessions FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.impersonation_sessions FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.break_glass_events FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.break_glass_events FOR SELECT TO CURRENT_USER
  USING (true);
