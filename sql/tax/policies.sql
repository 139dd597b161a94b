CREATE POLICY app_read ON saas.tax_rates FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY admin_read ON saas.tax_rates FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY app_read ON saas.tax_categories FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY admin_read ON saas.tax_categories FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY app_read ON saas.billing_details FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.billing_details FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
