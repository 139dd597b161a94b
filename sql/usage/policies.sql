CREATE POLICY app_read ON saas.usage_records FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY admin_read ON saas.usage_records FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.usage_counter_slots FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY admin_read ON saas.usage_counter_slots FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.usage_summaries FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY admin_read ON saas.usage_summaries FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.usage_fees FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.usage_fees FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.usage_adjustments FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.usage_adjustments FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.usage_corrections FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.usage_corrections FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY admin_read ON saas.usage_events FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.usage_alerts FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY admin_read ON saas.usage_alerts FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.usage_alerts_raised FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY admin_read ON saas.usage_alerts_raised FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.spend_caps FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.spend_caps FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY worker_read ON saas.usage_alerts_raised FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.usage_refused FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY worker_read ON saas.usage_refused FOR SELECT TO CURRENT_USER
  USING (true);
