-- Forged invoices are found: credits that the ledger does not know, periods of something else, late usage at another price.
\set acme 00000000-0000-7000-8000-00000000000a
SET SESSION AUTHORIZATION saas_owner;
UPDATE saas.settings SET usage_id_retention = '1000 years';
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price) SELECT id, 'call', 0, 10 FROM saas.plans WHERE key = 'plus';
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
SELECT saas.subscribe(:'acme', 'plus', 1, '2026-01-01Z') IS NOT NULL;
SELECT saas.grant_credit(:'acme', 1000, 'Welcome', 'promo') IS NOT NULL;
SELECT saas.generate_invoice(:'acme', '2026-01-01') AS january \gset
SELECT saas.record_usage(:'acme', 'call', 5, 'e1', '2026-01-10Z');
SELECT saas.record_usage(:'acme', 'call', 7, 'e2', '2026-02-10Z');
SELECT saas.generate_invoice(:'acme', '2026-02-01') AS february \gset
RESET SESSION AUTHORIZATION;
-- Triggers off and audit rows aside: what a superuser could do.
CREATE FUNCTION pg_temp.found() RETURNS TABLE (invariant text, detail text) LANGUAGE sql AS $$
  SELECT invariant, detail FROM saas.check_invariants() WHERE invariant NOT IN ('platform_action_without_audit', 'append_only_trigger') $$;
SELECT * FROM pg_temp.found();
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE saas.payment_invoices SET status = 'void' WHERE id = :'january';
SELECT * FROM pg_temp.found();
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE saas.payment_invoices SET credit_amount = 900, total_amount = 1100 WHERE id = :'january';
UPDATE saas.payment_invoice_lines SET amount = -900 WHERE invoice_id = :'january' AND kind = 'credit';
SELECT * FROM pg_temp.found();
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE saas.billed_periods SET invoice_id = :'january' WHERE period = '2026-02-01';
SELECT * FROM pg_temp.found();
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE saas.usage_adjustments SET amount = 49;
SELECT * FROM pg_temp.found();
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE saas.usage_fees SET total_amount = 71;
SELECT * FROM pg_temp.found();
ROLLBACK;
