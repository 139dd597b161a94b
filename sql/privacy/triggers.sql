CREATE TRIGGER trg_protect_consent BEFORE UPDATE OR DELETE ON saas.user_consents
  FOR EACH ROW EXECUTE FUNCTION saas.protect_consent();
CREATE TRIGGER trg_protect_consent_truncate BEFORE TRUNCATE ON saas.user_consents
  FOR EACH STATEMENT EXECUTE FUNCTION saas.protect_consent();
ALTER TABLE saas.user_consents ENABLE ALWAYS TRIGGER trg_protect_consent, ENABLE ALWAYS TRIGGER trg_protect_consent_truncate;
CREATE TRIGGER trg_refuse_erased_user BEFORE INSERT OR UPDATE OF user_id ON saas.sessions
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_erased_user('user_id');
CREATE TRIGGER trg_refuse_erased_user BEFORE INSERT OR UPDATE OF user_id ON saas.accounts
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_erased_user('user_id');
CREATE TRIGGER trg_refuse_erased_user BEFORE INSERT OR UPDATE OF user_id ON saas.verifications
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_erased_user('user_id');
CREATE TRIGGER trg_refuse_erased_user BEFORE INSERT OR UPDATE OF user_id ON saas.tenant_members
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_erased_user('user_id');
CREATE TRIGGER trg_refuse_erased_user BEFORE INSERT OR UPDATE OF user_id ON saas.api_keys
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_erased_user('user_id');
CREATE TRIGGER trg_refuse_erased_user BEFORE INSERT OR UPDATE OF accepted_by ON saas.tenant_invitations
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_erased_user('accepted_by');
CREATE TRIGGER trg_refuse_erased_user BEFORE INSERT OR UPDATE OF assigned_user_id ON saas.system_role_assignments
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_erased_user('assigned_user_id');
CREATE TRIGGER trg_refuse_erased_user BEFORE INSERT OR UPDATE OF user_id ON saas.user_consents
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_erased_user('user_id');
