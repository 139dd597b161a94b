CREATE TRIGGER trg_protect_consent BEFORE UPDATE OR DELETE ON saas.user_consents
  FOR EACH ROW EXECUTE FUNCTION saas.protect_consent();
CREATE TRIGGER trg_protect_consent_truncate BEFORE TRUNCATE ON saas.user_consents
  FOR EACH STATEMENT EXECUTE FUNCTION saas.protect_consent();
ALTER TABLE saas.user_consents ENABLE ALWAYS TRIGGER trg_protect_consent, ENABLE ALWAYS TRIGGER trg_protect_consent_truncate;
