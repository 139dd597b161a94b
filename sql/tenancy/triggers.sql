CREATE TRIGGER trg_no_system_roles_in_tenant
  BEFORE INSERT OR UPDATE ON saas.tenant_members
  FOR EACH ROW EXECUTE FUNCTION saas.prevent_system_role_in_tenant();
CREATE TRIGGER trg_role_of_tenant BEFORE INSERT OR UPDATE ON saas.tenant_members
  FOR EACH ROW EXECUTE FUNCTION saas.enforce_role_of_tenant();
CREATE TRIGGER trg_role_of_tenant BEFORE INSERT OR UPDATE ON saas.tenant_invitations
  FOR EACH ROW EXECUTE FUNCTION saas.enforce_role_of_tenant();
CREATE TRIGGER trg_role_of_tenant BEFORE INSERT OR UPDATE ON saas.api_keys
  FOR EACH ROW EXECUTE FUNCTION saas.enforce_role_of_tenant();
CREATE TRIGGER trg_service_membership BEFORE INSERT OR UPDATE ON saas.tenant_members
  FOR EACH ROW EXECUTE FUNCTION saas.enforce_service_membership();
CREATE TRIGGER trg_keep_last_owner_deleted AFTER DELETE ON saas.tenant_members
  FOR EACH ROW EXECUTE FUNCTION saas.keep_last_owner();
CREATE TRIGGER trg_keep_last_owner_changed AFTER UPDATE OF role_id, user_id, tenant_id ON saas.tenant_members
  FOR EACH ROW WHEN (OLD.role_id IS DISTINCT FROM NEW.role_id OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION saas.keep_last_owner();
CREATE TRIGGER trg_keep_billed_currency BEFORE UPDATE OF currency ON saas.tenants
  FOR EACH ROW WHEN (OLD.currency IS DISTINCT FROM NEW.currency)
  EXECUTE FUNCTION saas.keep_billed_currency();
-- The default needs no look.
CREATE TRIGGER trg_check_time_zone BEFORE INSERT OR UPDATE OF time_zone ON saas.tenants
  FOR EACH ROW WHEN (NEW.time_zone <> 'UTC') EXECUTE FUNCTION saas.check_time_zone();
CREATE TRIGGER trg_check_time_zone BEFORE INSERT OR UPDATE OF time_zone ON saas.settings
  FOR EACH ROW WHEN (NEW.time_zone <> 'UTC') EXECUTE FUNCTION saas.check_time_zone();
