CREATE TRIGGER trg_keep_service_account BEFORE UPDATE OF service_tenant_id ON saas.users
  FOR EACH ROW WHEN (OLD.service_tenant_id IS DISTINCT FROM NEW.service_tenant_id)
  EXECUTE FUNCTION saas.keep_service_account();
CREATE TRIGGER trg_no_service_account BEFORE INSERT OR UPDATE OF user_id ON saas.sessions
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_service_account('user_id');
CREATE TRIGGER trg_no_service_account BEFORE INSERT OR UPDATE OF user_id ON saas.accounts
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_service_account('user_id');
CREATE TRIGGER trg_no_service_account BEFORE INSERT OR UPDATE OF user_id ON saas.verifications
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_service_account('user_id');
CREATE TRIGGER trg_no_service_account BEFORE INSERT OR UPDATE OF assigned_user_id ON saas.system_role_assignments
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_service_account('assigned_user_id');
CREATE TRIGGER trg_log_in_anew AFTER UPDATE OF password_hash ON saas.accounts
  FOR EACH ROW WHEN (OLD.password_hash IS DISTINCT FROM NEW.password_hash)
  EXECUTE FUNCTION saas.end_sessions_of_password();

-- Every backend keeps these settings with what it knows of permissions, and forgets them with that.
CREATE TRIGGER trg_permissions_changed
  BEFORE INSERT OR UPDATE OF session_idle_timeout, session_lifetime_limit, usage_slots, usage_id_retention, usage_ids_kept_since, usage_clock_skew OR DELETE
  ON saas.settings
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.settings
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
ALTER TABLE saas.settings ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;
