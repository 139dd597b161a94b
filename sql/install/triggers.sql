-- Append-only: changes are refused to everybody, also under session_replication_role = replica: install makes these
-- triggers ENABLE ALWAYS. Partitions get their TRUNCATE trigger from saas.make_partitions.
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.tenant_credit_ledger
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('tenant_credit_ledger');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.tenant_credit_ledger
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('tenant_credit_ledger');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.credit_allocations
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('credit_allocations');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.credit_allocations
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('credit_allocations');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.credit_notes
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('credit_notes');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.credit_notes
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('credit_notes');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.credit_note_lines
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('credit_note_lines');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.credit_note_lines
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('credit_note_lines');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.platform_audit_logs
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('platform_audit_logs');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.platform_audit_logs
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('platform_audit_logs');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.audit_seals
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('audit_seals');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.audit_seals
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('audit_seals');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.audit_seal_rows
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('audit_seal_rows');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.audit_seal_rows
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('audit_seal_rows');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.audit_retirements
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('audit_retirements');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.audit_retirements
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('audit_retirements');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.incident_history
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('incident_history');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.incident_history
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('incident_history');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.usage_events
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('usage_events');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.usage_events
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('usage_events');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.usage_corrections
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('usage_corrections');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.usage_corrections
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('usage_corrections');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.subscription_changes
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('subscription_changes');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.subscription_changes
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('subscription_changes');
CREATE TRIGGER trg_refuse_change BEFORE UPDATE OR DELETE ON saas.subscription_add_ons
  FOR EACH ROW EXECUTE FUNCTION saas.refuse_change('subscription_add_ons');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.subscription_add_ons
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('subscription_add_ons');

-- Every backend looks again whether it works with this data version.
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.schema_version
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.schema_version
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
ALTER TABLE saas.schema_version ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;

-- Every backend looks again what audit rows mask.
CREATE TRIGGER trg_permissions_changed BEFORE INSERT OR UPDATE OR DELETE ON saas.personal_data_registry
  FOR EACH ROW EXECUTE FUNCTION saas.permissions_changed();
CREATE TRIGGER trg_permissions_truncated BEFORE TRUNCATE ON saas.personal_data_registry
  FOR EACH STATEMENT EXECUTE FUNCTION saas.permissions_changed();
ALTER TABLE saas.personal_data_registry ENABLE ALWAYS TRIGGER trg_permissions_changed, ENABLE ALWAYS TRIGGER trg_permissions_truncated;

-- Every status column moves only as saas.state_transitions says.
CREATE TRIGGER trg_state_transition BEFORE UPDATE ON saas.tenants
  FOR EACH ROW WHEN (OLD.billing_state IS DISTINCT FROM NEW.billing_state)
  EXECUTE FUNCTION saas.enforce_state_transition('tenants', 'billing_state');
CREATE TRIGGER trg_state_transition BEFORE UPDATE ON saas.tenant_subscriptions
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION saas.enforce_state_transition('tenant_subscriptions', 'status');
CREATE TRIGGER trg_state_transition BEFORE UPDATE ON saas.payment_invoices
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION saas.enforce_state_transition('payment_invoices', 'status');
CREATE TRIGGER trg_state_transition BEFORE UPDATE ON saas.dunning
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION saas.enforce_state_transition('dunning', 'status');
CREATE TRIGGER trg_state_transition BEFORE UPDATE ON saas.payment_one_times
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION saas.enforce_state_transition('payment_one_times', 'status');
CREATE TRIGGER trg_state_transition BEFORE UPDATE ON saas.privacy_requests
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION saas.enforce_state_transition('privacy_requests', 'status');
CREATE TRIGGER trg_state_transition BEFORE UPDATE ON saas.incidents
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION saas.enforce_state_transition('incidents', 'status');
CREATE TRIGGER trg_state_transition BEFORE UPDATE ON saas.security_events
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION saas.enforce_state_transition('security_events', 'status');

CREATE TRIGGER trg_touch_updated_at BEFORE UPDATE ON saas.accounts
  FOR EACH ROW EXECUTE FUNCTION saas.touch_updated_at();
CREATE TRIGGER trg_touch_updated_at BEFORE UPDATE ON saas.projects
  FOR EACH ROW EXECUTE FUNCTION saas.touch_updated_at();
CREATE TRIGGER trg_touch_updated_at BEFORE UPDATE ON saas.settings
  FOR EACH ROW EXECUTE FUNCTION saas.touch_updated_at();
CREATE TRIGGER trg_touch_updated_at BEFORE UPDATE ON saas.tenant_subscriptions
  FOR EACH ROW EXECUTE FUNCTION saas.touch_updated_at();
CREATE TRIGGER trg_touch_updated_at BEFORE UPDATE ON saas.payment_invoices
  FOR EACH ROW EXECUTE FUNCTION saas.touch_updated_at();
CREATE TRIGGER trg_touch_updated_at BEFORE UPDATE ON saas.payment_one_times
  FOR EACH ROW EXECUTE FUNCTION saas.touch_updated_at();
