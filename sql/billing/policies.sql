CREATE POLICY app_read ON saas.plans FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL AND (tenant_id IS NULL OR saas.has_tenant_permission(tenant_id, 'tenant.read')));
CREATE POLICY admin_read ON saas.plans FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY app_read ON saas.plan_prices FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL AND EXISTS (SELECT FROM saas.plans p WHERE p.id = plan_id));
CREATE POLICY admin_read ON saas.plan_prices FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY app_read ON saas.plan_features FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL AND EXISTS (SELECT FROM saas.plans p WHERE p.id = plan_id));
CREATE POLICY admin_read ON saas.plan_features FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY app_read ON saas.plan_add_ons FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL AND EXISTS (SELECT FROM saas.plans p WHERE p.id = plan_id));
CREATE POLICY admin_read ON saas.plan_add_ons FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY app_read ON saas.features FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY admin_read ON saas.features FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY app_read ON saas.tenant_subscriptions FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.tenant_subscriptions FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.payment_invoices FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.payment_invoices FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.payment_invoice_lines FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.payment_invoice_lines FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.billed_periods FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.billed_periods FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.advance_fees FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.advance_fees FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.charged_changes FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.charged_changes FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.tenant_credit_ledger FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.tenant_credit_ledger FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.subscription_changes FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.subscription_changes FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.subscription_add_ons FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.subscription_add_ons FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.credit_allocations FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.credit_allocations FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY app_read ON saas.credit_lots FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.credit_lots FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY admin_read ON saas.close_progress FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY worker_read ON saas.close_progress FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY admin_read ON saas.close_parked FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
CREATE POLICY worker_read ON saas.close_parked FOR SELECT TO CURRENT_USER
  USING (true);
