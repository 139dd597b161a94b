CREATE POLICY app_read ON saas.tenants FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(id, 'tenant.read'));
CREATE POLICY admin_read ON saas.tenants FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.tenant_members FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY admin_read ON saas.tenant_members FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.tenant_invitations FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'member.invite'));
CREATE POLICY admin_read ON saas.tenant_invitations FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.api_keys FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.update'));
CREATE POLICY admin_read ON saas.api_keys FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY app_read ON saas.projects FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY admin_read ON saas.projects FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_insert ON saas.projects FOR INSERT TO CURRENT_USER
  WITH CHECK (saas.has_tenant_permission(tenant_id, 'project.create'));
CREATE POLICY app_update ON saas.projects FOR UPDATE TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'project.update'))
  WITH CHECK (saas.has_tenant_permission(tenant_id, 'project.update'));
CREATE POLICY app_delete ON saas.projects FOR DELETE TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'project.delete'));
