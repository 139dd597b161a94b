CREATE POLICY app_read ON saas.state_transitions FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY admin_read ON saas.state_transitions FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY auditor_read ON saas.state_transitions FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY app_read ON saas.countries FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY admin_read ON saas.countries FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY auditor_read ON saas.countries FOR SELECT TO CURRENT_USER
  USING (true);
CREATE POLICY app_read ON saas.currencies FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY admin_read ON saas.currencies FOR SELECT TO CURRENT_USER
  USING (saas.current_user_id() IS NOT NULL);
CREATE POLICY auditor_read ON saas.currencies FOR SELECT TO CURRENT_USER
  USING (true);
