CREATE POLICY app_read ON saas.payment_customers FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.payment_customers FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.payment_one_times FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.payment_one_times FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY admin_read ON saas.payment_events FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
