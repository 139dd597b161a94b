CREATE TRIGGER trg_register_provider_key
  BEFORE INSERT OR UPDATE OF tenant_id, provider, provider_customer_id ON saas.payment_customers
  FOR EACH ROW WHEN (NEW.provider IS NOT NULL) EXECUTE FUNCTION saas.register_provider_key('customer', 'provider_customer_id');
CREATE TRIGGER trg_register_provider_key
  BEFORE INSERT OR UPDATE OF tenant_id, provider, provider_payment_id ON saas.payment_one_times
  FOR EACH ROW WHEN (NEW.provider IS NOT NULL) EXECUTE FUNCTION saas.register_provider_key('payment', 'provider_payment_id');
CREATE TRIGGER trg_register_provider_key
  BEFORE INSERT OR UPDATE OF tenant_id, provider, provider_subscription_id ON saas.tenant_subscriptions
  FOR EACH ROW WHEN (NEW.provider IS NOT NULL) EXECUTE FUNCTION saas.register_provider_key('subscription', 'provider_subscription_id');
CREATE TRIGGER trg_register_provider_key
  BEFORE INSERT OR UPDATE OF tenant_id, provider, provider_invoice_id ON saas.payment_invoices
  FOR EACH ROW WHEN (NEW.provider IS NOT NULL) EXECUTE FUNCTION saas.register_provider_key('invoice', 'provider_invoice_id');
