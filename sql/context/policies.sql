-- For app and gateway roles the policies are named app_*, for admin roles admin_*, for auditors
-- auditor_*, for workers worker_*: saas.grant_access adds each role to the policies of its kind.
-- Until then only the owner is named, whom policies don't concern.

CREATE POLICY app_read ON saas.users FOR SELECT TO CURRENT_USER USING (
  id = saas.current_user_id()
  OR id IN (SELECT m.user_id FROM saas.tenant_members m WHERE saas.has_tenant_permission(m.tenant_id, 'tenant.read')));
CREATE POLICY admin_read ON saas.users FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.tenant.read'));
CREATE POLICY app_read ON saas.sessions FOR SELECT TO CURRENT_USER USING (user_id = saas.oneself());
CREATE POLICY admin_read ON saas.sessions FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
CREATE POLICY app_read ON saas.accounts FOR SELECT TO CURRENT_USER USING (user_id = saas.oneself());
CREATE POLICY admin_read ON saas.accounts FOR SELECT TO CURRENT_USER
  USING (saas.has_system_permission('platform.security.view'));
