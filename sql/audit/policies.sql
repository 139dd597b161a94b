CREATE POLICY app_read ON saas.platform_audit_logs FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.update'));
CREATE POLICY admin_read ON saas.platform_audit_logs FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.platform_audit_logs FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.audit_seals FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.audit_seals FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.audit_seal_rows FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.audit_seal_rows FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.audit_retirements FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.audit_retirements FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.security_events FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.security_events FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.incidents FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.incidents FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.incident_history FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.incident_history FOR SELECT TO CURRENT_USER
  USING (true);
