CREATE TRIGGER trg_register_feature BEFORE INSERT OR UPDATE OF feature_key, aggregation, price_model ON saas.plan_features
  FOR EACH ROW EXECUTE FUNCTION saas.register_feature();

CREATE TRIGGER trg_plan_terms_fixed
  BEFORE UPDATE OF key, version, base_price, seat_price, included_seats, currency, billing_interval, billing_cycle,
                   bill_in, setup_fee, minimum_amount OR DELETE ON saas.plans
  FOR EACH ROW EXECUTE FUNCTION saas.keep_plan_terms('plans');
CREATE TRIGGER trg_plan_terms_fixed BEFORE UPDATE OR DELETE ON saas.plan_prices
  FOR EACH ROW EXECUTE FUNCTION saas.keep_plan_terms('plan_prices');
CREATE TRIGGER trg_plan_terms_fixed BEFORE UPDATE OR DELETE ON saas.plan_features
  FOR EACH ROW EXECUTE FUNCTION saas.keep_plan_terms('plan_features');
CREATE TRIGGER trg_plan_terms_fixed BEFORE UPDATE OR DELETE ON saas.plan_add_ons
  FOR EACH ROW EXECUTE FUNCTION saas.keep_plan_terms('plan_add_ons');

-- Before trg_follow_pause, by its name.
CREATE TRIGGER trg_end_contract BEFORE INSERT OR UPDATE OF status ON saas.tenant_subscriptions
  FOR EACH ROW WHEN (NEW.status = 'canceled' AND NEW.ended_on IS NULL) EXECUTE FUNCTION saas.end_contract();
CREATE TRIGGER trg_follow_pause BEFORE UPDATE OF status ON saas.tenant_subscriptions
  FOR EACH ROW WHEN ((OLD.status = 'paused') <> (NEW.status = 'paused') OR (OLD.status <> 'canceled' AND NEW.status = 'canceled')) EXECUTE FUNCTION saas.follow_pause();
CREATE TRIGGER trg_subscription_followed_new AFTER INSERT ON saas.tenant_subscriptions
  FOR EACH ROW EXECUTE FUNCTION saas.follow_subscription();
CREATE TRIGGER trg_subscription_followed_changed AFTER UPDATE OF status, plan_id ON saas.tenant_subscriptions
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.plan_id IS DISTINCT FROM NEW.plan_id)
  EXECUTE FUNCTION saas.follow_subscription();

CREATE TRIGGER trg_post_ledger_entry BEFORE INSERT ON saas.tenant_credit_ledger
  FOR EACH ROW EXECUTE FUNCTION saas.post_ledger_entry();
CREATE TRIGGER trg_ledger_allocated AFTER INSERT ON saas.tenant_credit_ledger
  FOR EACH ROW EXECUTE FUNCTION saas.allocate_credit();

CREATE TRIGGER trg_keep_finalized_invoice BEFORE UPDATE OR DELETE ON saas.payment_invoices
  FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION saas.keep_finalized_invoice();
CREATE CONSTRAINT TRIGGER trg_invoice_total
  AFTER INSERT OR UPDATE ON saas.payment_invoices DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION saas.check_invoice_total();
CREATE TRIGGER trg_lines_inserted AFTER INSERT ON saas.payment_invoice_lines
  REFERENCING NEW TABLE AS changed_lines FOR EACH STATEMENT EXECUTE FUNCTION saas.check_invoice_lines();
CREATE TRIGGER trg_lines_updated AFTER UPDATE ON saas.payment_invoice_lines
  REFERENCING OLD TABLE AS changed_lines FOR EACH STATEMENT EXECUTE FUNCTION saas.check_invoice_lines();
CREATE TRIGGER trg_lines_moved AFTER UPDATE ON saas.payment_invoice_lines
  REFERENCING NEW TABLE AS changed_lines FOR EACH STATEMENT EXECUTE FUNCTION saas.check_invoice_lines();
CREATE TRIGGER trg_lines_deleted AFTER DELETE ON saas.payment_invoice_lines
  REFERENCING OLD TABLE AS changed_lines FOR EACH STATEMENT EXECUTE FUNCTION saas.check_invoice_lines();

CREATE TRIGGER trg_keep_billed_period BEFORE UPDATE OR DELETE ON saas.billed_periods
  FOR EACH ROW EXECUTE FUNCTION saas.keep_billed_period();

CREATE TRIGGER trg_keep_billed_period BEFORE UPDATE OR DELETE ON saas.advance_fees
  FOR EACH ROW EXECUTE FUNCTION saas.keep_billed_period();
CREATE TRIGGER trg_keep_billed_period BEFORE UPDATE OR DELETE ON saas.charged_changes
  FOR EACH ROW EXECUTE FUNCTION saas.keep_billed_period();

-- What row triggers keep, TRUNCATE would pass by.
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.payment_invoices
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('payment_invoices');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.payment_invoice_lines
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('payment_invoice_lines');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.billed_periods
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('billed_periods');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.advance_fees
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('advance_fees');
CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.charged_changes
  FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change('charged_changes');
