CREATE POLICY app_read ON saas.credit_notes FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.credit_notes FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.credit_note_lines FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.credit_note_lines FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.dunning FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.dunning FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
