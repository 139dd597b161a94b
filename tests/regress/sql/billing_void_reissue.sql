-- A preview says what the invoice will say; a void invoice gives its credits back, and is made again.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
UPDATE saas.settings SET usage_id_retention = '1000 years';
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, 'project.create', 1000, 10 FROM saas.plans WHERE key = 'plus';
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
SELECT saas.subscribe(:'acme', 'plus', 1, '2026-01-01Z') IS NOT NULL;
SELECT saas.grant_credit(:'acme', 1000, 'Welcome', 'promo', expires_at => '2099-01-01Z', priority => 3) IS NOT NULL;
SELECT saas.record_usage(:'acme', 'project.create', 1200, 'e1', '2026-01-10Z');
SELECT * FROM saas.preview_invoice(:'acme', '2026-01-20Z');
SELECT saas.generate_invoice(:'acme', '2026-01-20') AS draft \gset
SELECT saas.finalize_invoice(:'draft');
SELECT saas.credit_balance(:'acme');
-- Void: with a reason, once.
SELECT saas.void_invoice(:'draft', '');
SELECT saas.void_invoice(:'draft', 'Wrong address');
SELECT saas.void_invoice(:'draft', 'Wrong address');
SELECT number, status, status_reason FROM saas.payment_invoices;
SELECT entry, delta, balance_after, reason, priority, expires_at FROM saas.tenant_credit_ledger ORDER BY entry;
-- Again: the same lines in a draft of its own, and the chain names it.
SELECT saas.generate_invoice(:'acme', '2026-01-20') AS again \gset
SELECT position, kind, description, amount FROM saas.payment_invoice_lines WHERE invoice_id = :'again' ORDER BY position;
SELECT saas.finalize_invoice(:'again');
SELECT b.period_start, b.invoice_id = :'again' AS is_the_new_one, i.status FROM saas.billed_periods b JOIN saas.payment_invoices i ON i.id = b.invoice_id;
-- Given up, and paid after all.
SELECT saas.mark_uncollectible(:'again', 'Insolvent');
SELECT saas.mark_uncollectible(:'again', 'Insolvent');
UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = :'again';
SELECT saas.void_invoice(:'again', 'Paid');
SELECT * FROM saas.check_invariants();
