-- Sums, numbers and chains that were broken with the triggers off.
\set acme '00000000-0000-7000-8000-000000000001'
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.issuers (id, key, name) VALUES ('00000000-0000-7000-8000-0000000000a1', 'test', 'Test');
INSERT INTO saas.plans (id, name, key, base_price, currency, billing_interval) VALUES ('00000000-0000-7000-8000-0000000000a2', 'Pro', 'pro', 1000, 'USD', 'monthly');
SET session_replication_role = replica;
CREATE FUNCTION found() RETURNS TABLE (invariant text, object text, detail text) LANGUAGE sql AS
$$ SELECT * FROM saas.check_invariants() c WHERE c.invariant NOT IN ('platform_action_without_audit', 'credit_lot') $$;
-- The ledger: a wrong balance, a missing number.
BEGIN;
INSERT INTO saas.tenant_credit_ledger (tenant_id, entry, delta, balance_after, reason, source)
VALUES (:'acme', 1, 100, 100, 'Welcome', 'promo'), (:'acme', 2, 50, 150, 'More', 'promo'), (:'acme', 3, -30, 120, 'Used', 'billing');
SELECT * FROM found();
INSERT INTO saas.tenant_credit_ledger (tenant_id, entry, delta, balance_after, reason, source) VALUES (:'acme', 4, 10, 999, 'Wrong', 'admin');
SELECT * FROM found();
ROLLBACK;
BEGIN;
INSERT INTO saas.tenant_credit_ledger (tenant_id, entry, delta, balance_after, reason, source) VALUES (:'acme', 2, 100, 100, 'Second', 'promo');
SELECT * FROM found();
ROLLBACK;
-- What is left of a grant is what its lot says.
BEGIN;
SET LOCAL session_replication_role = origin;
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', 100, 'Gift', 'promo'), (:'acme', -30, 'Used', 'billing');
SELECT invariant, detail FROM saas.check_invariants();
UPDATE saas.credit_lots SET remaining = 71;
SELECT invariant, detail FROM saas.check_invariants();
DELETE FROM saas.credit_lots;
SELECT invariant, detail FROM saas.check_invariants();
ROLLBACK;
-- Invoices: lines, numbers.
BEGIN;
INSERT INTO saas.payment_invoices (id, tenant_id, billing_reason, issuer_id, number, finalized_at, period, period_start, period_end, subscription_amount, tax, total_amount, currency, status)
SELECT ('00000000-0000-7000-8000-00000000010' || n)::uuid, :'acme', 'late', '00000000-0000-7000-8000-0000000000a1', 'INV-00000' || n, now(), '2026-01-01', '2026-01-01', '2026-02-01', 1000, 190, 1190, 'USD', 'open'
  FROM (VALUES (1), (2), (4)) v (n);
INSERT INTO saas.payment_invoice_lines (tenant_id, invoice_id, position, kind, description, quantity, unit_amount, amount)
SELECT tenant_id, id, position, kind, 'Pro', 1, amount, amount FROM saas.payment_invoices, (VALUES (1, 'subscription', 1000), (2, 'tax', 190)) v (position, kind, amount);
UPDATE saas.issuers SET last_number = 4 WHERE key = 'test';
SELECT * FROM found();
UPDATE saas.payment_invoices SET number = 'INV-000003' WHERE number = 'INV-000004';
UPDATE saas.issuers SET last_number = 3 WHERE key = 'test';
SELECT * FROM found();
UPDATE saas.issuers SET last_number = 7 WHERE key = 'test';
SELECT * FROM found();
UPDATE saas.issuers SET last_number = 3 WHERE key = 'test';
-- The sum is right, the kinds are not; then a line is missing.
UPDATE saas.payment_invoice_lines SET kind = 'setup' WHERE kind = 'tax' AND invoice_id = '00000000-0000-7000-8000-000000000101';
SELECT * FROM found();
DELETE FROM saas.payment_invoice_lines WHERE invoice_id = '00000000-0000-7000-8000-000000000101';
SELECT * FROM found();
ROLLBACK;
-- Changes of a contract that don't lead to what it is.
BEGIN;
INSERT INTO saas.tenant_subscriptions (id, tenant_id, plan_id, status, current_period_start, current_period_end)
VALUES ('00000000-0000-7000-8000-0000000000c2', :'acme', '00000000-0000-7000-8000-0000000000a2', 'active', '2026-03-01', '2026-04-01');
INSERT INTO saas.subscription_changes (tenant_id, subscription_id, number, day, prorated, from_plan_id, from_seats, to_plan_id, to_seats)
SELECT :'acme', '00000000-0000-7000-8000-0000000000c2', number, '2026-03-10', true, '00000000-0000-7000-8000-0000000000a2', was, '00000000-0000-7000-8000-0000000000a2', is_now
  FROM (VALUES (1, 3, 2), (2, 2, 5), (3, 4, 1)) v (number, was, is_now);
INSERT INTO saas.subscription_add_ons (tenant_id, subscription_id, number, key, quantity, day, at_once)
SELECT :'acme', '00000000-0000-7000-8000-0000000000c2', number, 'env', 1, '2026-03-10', true FROM unnest('{1,3}'::int[]) number;
SELECT * FROM found();
ROLLBACK;
-- Billed periods: a gap, a missing first one, a subscription that went ahead alone.
BEGIN;
INSERT INTO saas.tenant_subscriptions (id, tenant_id, plan_id, status, current_period_start, current_period_end)
VALUES ('00000000-0000-7000-8000-0000000000c1', :'acme', '00000000-0000-7000-8000-0000000000a2', 'active', '2026-03-01', '2026-04-01');
INSERT INTO saas.billed_periods (tenant_id, subscription_id, period_start, period_end, previous_end, kind, plan_id, seats, period)
SELECT :'acme', '00000000-0000-7000-8000-0000000000c1', starts::date, ends::date, previous::date, 'paused', '00000000-0000-7000-8000-0000000000a2', 1, starts::date
  FROM (VALUES ('2026-01-01', '2026-02-01', NULL), ('2026-02-01', '2026-03-01', '2026-02-01')) v (starts, ends, previous);
SELECT * FROM found();
UPDATE saas.tenant_subscriptions SET current_period_start = '2026-03-15';
SELECT * FROM found();
UPDATE saas.tenant_subscriptions SET current_period_start = '2026-03-01';
DELETE FROM saas.billed_periods WHERE period_start = '2026-01-01';
SELECT * FROM found();
ROLLBACK;
-- An event that was counted twice.
BEGIN;
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at)
VALUES (:'acme', 'api', 1, '2026-01-01', 'e1', now()), (:'acme', 'api', 1, '2026-01-01', 'e2', now()),
       (:'acme', 'api', 1, '2026-01-01', NULL, now()), (:'acme', 'api', 1, '2026-01-01', NULL, now());
SELECT * FROM found();
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at) VALUES (:'acme', 'api', 1, '2026-01-01', 'e1', now());
SELECT * FROM found();
ROLLBACK;
