-- Codes are as good as money: only who sells reads them all.
CREATE POLICY admin_read ON saas.coupons FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.plan.manage'));
CREATE POLICY app_read ON saas.coupon_redemptions FOR SELECT TO CURRENT_USER
  USING (saas.has_tenant_permission(tenant_id, 'billing.view'));
CREATE POLICY admin_read ON saas.coupon_redemptions FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.billing.adjust'));
