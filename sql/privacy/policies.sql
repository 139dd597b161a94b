CREATE POLICY app_read ON saas.user_consents FOR SELECT TO CURRENT_USER
  USING (user_id = saas.oneself());
CREATE POLICY admin_read ON saas.user_consents FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY app_read ON saas.privacy_requests FOR SELECT TO CURRENT_USER
  USING (user_id = saas.oneself());
CREATE POLICY admin_read ON saas.privacy_requests FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY admin_read ON saas.personal_data_registry FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY auditor_read ON saas.personal_data_registry FOR SELECT TO CURRENT_USER
  USING (true);
