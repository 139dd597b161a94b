-- Tenants with three metered features, a subscription since January and credits, and the same in plain tables with the
-- same columns, indexes and constraints, but without triggers.
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, feature, 1000, 10 FROM saas.plans, unnest(ARRAY['api.call', 'project.create', 'storage.gb']) feature WHERE key = 'plus';
INSERT INTO saas.tenants (name) SELECT 'Tenant ' || i FROM generate_series(1, :tenants) i;
INSERT INTO saas.tenant_subscriptions (tenant_id, plan_id, status, anchor, current_period_start, current_period_end)
SELECT t.id, p.id, 'active', '2026-01-01Z', '2026-01-01', '2026-02-01' FROM saas.tenants t, saas.plans p WHERE p.key = 'plus';
SELECT saas.grant_access('saas_worker'::regrole, 'worker');

CREATE SCHEMA plain;
CREATE TABLE plain.tenant_subscriptions (LIKE saas.tenant_subscriptions INCLUDING ALL);
CREATE TABLE plain.slots (LIKE saas.usage_counter_slots INCLUDING ALL, FOREIGN KEY (tenant_id) REFERENCES saas.tenants);
CREATE TABLE plain.records (LIKE saas.usage_records INCLUDING ALL, FOREIGN KEY (tenant_id) REFERENCES saas.tenants);
CREATE TABLE plain.summaries (LIKE saas.usage_summaries INCLUDING ALL, FOREIGN KEY (tenant_id) REFERENCES saas.tenants);
CREATE TABLE plain.fees (LIKE saas.usage_fees INCLUDING ALL, FOREIGN KEY (tenant_id) REFERENCES saas.tenants);
CREATE TABLE plain.invoices (
  LIKE saas.payment_invoices INCLUDING ALL,
  FOREIGN KEY (tenant_id) REFERENCES saas.tenants,
  FOREIGN KEY (issuer_id) REFERENCES saas.issuers,
  FOREIGN KEY (currency) REFERENCES saas.currencies,
  FOREIGN KEY (tenant_id, subscription_id) REFERENCES plain.tenant_subscriptions (tenant_id, id));
CREATE TABLE plain.lines (
  LIKE saas.payment_invoice_lines INCLUDING ALL,
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES plain.invoices (tenant_id, id));
CREATE TABLE plain.periods (
  LIKE saas.billed_periods INCLUDING ALL,
  FOREIGN KEY (plan_id) REFERENCES saas.plans,
  FOREIGN KEY (tenant_id, subscription_id) REFERENCES plain.tenant_subscriptions (tenant_id, id),
  FOREIGN KEY (tenant_id, subscription_id, previous_end) REFERENCES plain.periods (tenant_id, subscription_id, period_end),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES plain.invoices (tenant_id, id));
CREATE TABLE plain.ledger (
  LIKE saas.tenant_credit_ledger INCLUDING ALL,
  FOREIGN KEY (tenant_id) REFERENCES saas.tenants,
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES plain.invoices (tenant_id, id),
  FOREIGN KEY (tenant_id, grant_id) REFERENCES plain.ledger (tenant_id, id));
CREATE TABLE plain.allocations (
  LIKE saas.credit_allocations INCLUDING ALL,
  FOREIGN KEY (tenant_id, entry_id) REFERENCES plain.ledger (tenant_id, id),
  FOREIGN KEY (tenant_id, grant_id) REFERENCES plain.ledger (tenant_id, id));
CREATE TABLE plain.lots (LIKE saas.credit_lots INCLUDING ALL, FOREIGN KEY (tenant_id, grant_id) REFERENCES plain.ledger (tenant_id, id));
CREATE TABLE plain.audit (LIKE saas.platform_audit_logs INCLUDING ALL) PARTITION BY RANGE (occurred_at);
CREATE TABLE plain.audit_default PARTITION OF plain.audit DEFAULT;
INSERT INTO plain.tenant_subscriptions (tenant_id, id, plan_id, status, anchor, current_period_start, current_period_end)
SELECT tenant_id, id, plan_id, status, anchor, current_period_start, current_period_end FROM saas.tenant_subscriptions;
