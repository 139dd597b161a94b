-- Every change of a platform table is written to the audit log by the statement that makes it.
-- Arguments: the table and its primary key.
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.tenants
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenants', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.tenants
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenants', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.tenants
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenants', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.tenants
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenants', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.tenant_members
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_members', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.tenant_members
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_members', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.tenant_members
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_members', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.tenant_members
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_members', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.tenant_invitations
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_invitations', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.tenant_invitations
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_invitations', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.tenant_invitations
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_invitations', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.tenant_invitations
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_invitations', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.api_keys
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('api_keys', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.api_keys
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('api_keys', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.api_keys
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('api_keys', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.api_keys
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('api_keys', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.users
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('users', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.users
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('users', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.users
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('users', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.users
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('users', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.roles
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('roles', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.roles
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('roles', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.roles
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('roles', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.roles
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('roles', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.permissions
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('permissions', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.permissions
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('permissions', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.permissions
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('permissions', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.permissions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('permissions', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.role_permissions
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('role_permissions', 'role_id', 'permission_id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.role_permissions
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('role_permissions', 'role_id', 'permission_id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.role_permissions
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('role_permissions', 'role_id', 'permission_id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.role_permissions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('role_permissions', 'role_id', 'permission_id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.system_role_assignments
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('system_role_assignments', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.system_role_assignments
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('system_role_assignments', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.system_role_assignments
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('system_role_assignments', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.system_role_assignments
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('system_role_assignments', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.break_glass_events
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('break_glass_events', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.break_glass_events
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('break_glass_events', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.break_glass_events
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('break_glass_events', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.break_glass_events
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('break_glass_events', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.impersonation_sessions
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('impersonation_sessions', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.impersonation_sessions
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('impersonation_sessions', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.impersonation_sessions
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('impersonation_sessions', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.impersonation_sessions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('impersonation_sessions', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.access_grants
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('access_grants', 'role_id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.access_grants
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('access_grants', 'role_id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.access_grants
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('access_grants', 'role_id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.access_grants
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('access_grants', 'role_id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.settings
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('settings', 'only_row');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.settings
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('settings', 'only_row');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.settings
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('settings', 'only_row');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.settings
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('settings', 'only_row');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.plans
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plans', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.plans
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plans', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.plans
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plans', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.plans
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plans', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.plan_prices
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_prices', 'plan_id', 'currency');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.plan_prices
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_prices', 'plan_id', 'currency');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.plan_prices
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_prices', 'plan_id', 'currency');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.plan_prices
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_prices', 'plan_id', 'currency');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.plan_features
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_features', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.plan_features
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_features', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.plan_features
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_features', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.plan_features
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_features', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.plan_add_ons
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_add_ons', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.plan_add_ons
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_add_ons', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.plan_add_ons
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_add_ons', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.plan_add_ons
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('plan_add_ons', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.tenant_subscriptions
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_subscriptions', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.tenant_subscriptions
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_subscriptions', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.tenant_subscriptions
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_subscriptions', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.tenant_subscriptions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_subscriptions', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.subscription_add_ons
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('subscription_add_ons', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.subscription_add_ons
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('subscription_add_ons', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.subscription_add_ons
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('subscription_add_ons', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.subscription_add_ons
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('subscription_add_ons', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.payment_invoices
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_invoices', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.payment_invoices
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_invoices', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.payment_invoices
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_invoices', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.payment_invoices
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_invoices', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.tenant_credit_ledger
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_credit_ledger', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.tenant_credit_ledger
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_credit_ledger', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.tenant_credit_ledger
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_credit_ledger', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.tenant_credit_ledger
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tenant_credit_ledger', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.usage_alerts
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('usage_alerts', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.usage_alerts
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('usage_alerts', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.usage_alerts
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('usage_alerts', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.usage_alerts
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('usage_alerts', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.usage_corrections
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('usage_corrections', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.usage_corrections
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('usage_corrections', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.usage_corrections
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('usage_corrections', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.usage_corrections
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('usage_corrections', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.spend_caps
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('spend_caps', 'tenant_id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.spend_caps
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('spend_caps', 'tenant_id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.spend_caps
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('spend_caps', 'tenant_id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.spend_caps
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('spend_caps', 'tenant_id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.payment_customers
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_customers', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.payment_customers
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_customers', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.payment_customers
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_customers', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.payment_customers
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_customers', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.payment_one_times
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_one_times', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.payment_one_times
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_one_times', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.payment_one_times
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_one_times', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.payment_one_times
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('payment_one_times', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.incidents
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('incidents', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.incidents
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('incidents', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.incidents
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('incidents', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.incidents
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('incidents', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.privacy_requests
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('privacy_requests', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.privacy_requests
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('privacy_requests', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.privacy_requests
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('privacy_requests', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.privacy_requests
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('privacy_requests', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.user_consents
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('user_consents', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.user_consents
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('user_consents', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.user_consents
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('user_consents', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.user_consents
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('user_consents', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.personal_data_registry
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('personal_data_registry', 'table_name', 'column_name');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.personal_data_registry
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('personal_data_registry', 'table_name', 'column_name');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.personal_data_registry
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('personal_data_registry', 'table_name', 'column_name');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.personal_data_registry
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('personal_data_registry', 'table_name', 'column_name');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.coupons
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('coupons', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.coupons
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('coupons', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.coupons
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('coupons', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.coupons
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('coupons', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.coupon_redemptions
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('coupon_redemptions', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.coupon_redemptions
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('coupon_redemptions', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.coupon_redemptions
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('coupon_redemptions', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.coupon_redemptions
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('coupon_redemptions', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.tax_rates
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tax_rates', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.tax_rates
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tax_rates', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.tax_rates
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tax_rates', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.tax_rates
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tax_rates', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.tax_categories
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tax_categories', 'kind', 'key');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.tax_categories
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tax_categories', 'kind', 'key');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.tax_categories
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tax_categories', 'kind', 'key');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.tax_categories
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('tax_categories', 'kind', 'key');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.billing_details
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('billing_details', 'tenant_id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.billing_details
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('billing_details', 'tenant_id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.billing_details
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('billing_details', 'tenant_id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.billing_details
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('billing_details', 'tenant_id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.credit_notes
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('credit_notes', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.credit_notes
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('credit_notes', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.credit_notes
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('credit_notes', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.credit_notes
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('credit_notes', 'tenant_id', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.issuers
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('issuers', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.issuers
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('issuers', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.issuers
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('issuers', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.issuers
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('issuers', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.jwt_keys
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('jwt_keys', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.jwt_keys
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('jwt_keys', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.jwt_keys
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('jwt_keys', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.jwt_keys
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('jwt_keys', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.webhook_secrets
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('webhook_secrets', 'id');
CREATE TRIGGER trg_audit_update AFTER UPDATE ON saas.webhook_secrets
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('webhook_secrets', 'id');
CREATE TRIGGER trg_audit_delete AFTER DELETE ON saas.webhook_secrets
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('webhook_secrets', 'id');
CREATE TRIGGER trg_audit_truncate AFTER TRUNCATE ON saas.webhook_secrets
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('webhook_secrets', 'id');
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.audit_retirements
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('audit_retirements', 'period_start');

CREATE TRIGGER trg_stamp_audit_log BEFORE INSERT ON saas.platform_audit_logs
  FOR EACH ROW EXECUTE FUNCTION saas.stamp_audit_log();

-- What became of an event or incident is kept, and what was reported stays as it was.
CREATE TRIGGER trg_keep_history AFTER UPDATE ON saas.incidents
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION saas.keep_incident_history('incident_id');
CREATE TRIGGER trg_keep_history AFTER UPDATE ON saas.security_events
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION saas.keep_incident_history('security_event_id');
CREATE TRIGGER trg_protect_event BEFORE UPDATE OR DELETE ON saas.security_events
  FOR EACH ROW EXECUTE FUNCTION saas.protect_security_event();
CREATE TRIGGER trg_protect_event_truncate BEFORE TRUNCATE ON saas.security_events
  FOR EACH STATEMENT EXECUTE FUNCTION saas.protect_security_event();
ALTER TABLE saas.security_events ENABLE ALWAYS TRIGGER trg_protect_event, ENABLE ALWAYS TRIGGER trg_protect_event_truncate;
CREATE TRIGGER trg_audit_insert AFTER INSERT ON saas.incident_history
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.audit_changes('incident_history', 'id');
