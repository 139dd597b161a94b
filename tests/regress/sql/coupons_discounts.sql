-- Coupons: what they take, on how many invoices, how often they can be taken; a void gives a use back.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
\set globex 00000000-0000-7000-8000-00000000000b
UPDATE saas.settings SET usage_id_retention = '1000 years';
INSERT INTO saas.plans (key, name, base_price, seat_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 333, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, 'project.create', 1000, 10 FROM saas.plans WHERE key = 'plus';
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme'), (:'globex', 'Globex');
SELECT saas.subscribe(:'acme', 'plus', 3, '2026-01-01Z') IS NOT NULL;
SELECT saas.record_usage(:'acme', 'project.create', 1100, NULL, '2026-01-10Z');
CREATE VIEW told AS
SELECT i.period_start, i.status, l.position, l.kind, l.description, l.amount, i.discount, i.total_amount
  FROM saas.payment_invoices i JOIN saas.payment_invoice_lines l ON l.invoice_id = i.id ORDER BY i.id, l.position;
-- Once: 20 %, of fees only; then, for two invoices, a fixed amount of what is left.
SELECT saas.define_coupon('{"code": "fees20", "name": "Fees", "percent": "20", "applies_to": ["subscription", "seat"], "invoices": 1, "max_redemptions": 1}') IS NOT NULL;
SELECT saas.define_coupon('{"code": "Two", "amounts": {"USD": 500, "EUR": 450}, "invoices": 2}') IS NOT NULL;
SELECT saas.apply_coupon(:'acme', ' Fees20', '2026-01-15Z') = saas.apply_coupon(:'acme', 'FEES20') AS is_the_same;
SELECT saas.apply_coupon(:'acme', 'two', '2026-01-15Z') IS NOT NULL;
SELECT kind, description, amount FROM saas.preview_invoice(:'acme', '2026-01-31Z');
-- In the second month, when the first is billed first, one is used up.
SELECT kind, description, amount FROM saas.preview_invoice(:'acme', '2026-02-10Z');
SELECT saas.generate_invoice(:'acme', '2026-01-01') AS january \gset
SELECT * FROM told;
-- As often as it may be, once a tenant.
SELECT saas.apply_coupon(:'globex', 'fees20');
SELECT saas.apply_coupon(:'globex', 'nothing');
SELECT saas.apply_coupon(:'globex', NULL);
-- Void: the use is given back, and the new draft says the same, also after the coupon was removed.
SELECT saas.void_invoice(:'january', 'Wrong');
SELECT saas.remove_coupon(:'acme', 'fees20');
SELECT saas.remove_coupon(:'acme', 'fees20');
SELECT saas.apply_coupon(:'acme', 'fees20');
SELECT saas.generate_invoice(:'acme', '2026-01-01') AS again \gset
SELECT position, kind, description, amount FROM told WHERE status = 'draft';
-- The other one lasts for February, and no longer.
SELECT saas.generate_invoice(:'acme', '2026-02-01') AS february, saas.generate_invoice(:'acme', '2026-03-01') AS march \gset
SELECT * FROM told WHERE period_start >= '2026-02-01';
-- A new definition is for those who come; more than everything takes everything.
SELECT saas.define_coupon('{"code": "TWO", "percent": "1"}') IS NOT NULL;
SELECT saas.define_coupon('{"code": "ALL", "amounts": {"USD": 100000}}') IS NOT NULL;
SELECT saas.apply_coupon(:'acme', 'all', '2026-04-30Z') IS NOT NULL;
SELECT saas.generate_invoice(:'acme', '2026-04-01') AS april \gset
SELECT * FROM told WHERE period_start = '2026-04-01';
SELECT code, percent, amounts, invoice_count, applies_from, removed_at IS NOT NULL AS removed FROM saas.coupon_redemptions ORDER BY id;
-- What can't be.
\set VERBOSITY terse
SELECT saas.define_coupon('{"code": "FEES20", "percent": "20", "max_redemptions": 0}');
SELECT saas.define_coupon('{"code": "X", "amounts": {"XXX": 1}}');
SELECT saas.define_coupon('{"code": "X", "percent": "20", "expires_at": "yesterday noon"}');
SELECT saas.define_coupon('{"code": "X", "percent": "20", "invoice": 1}');
SELECT saas.define_coupon('{"code": "EURO", "amounts": {"EUR": 1}}') IS NOT NULL, saas.define_coupon('{"code": "LATE", "percent": "5", "expires_at": "2020-01-01Z"}') IS NOT NULL;
SELECT saas.apply_coupon(:'globex', 'euro');
SELECT saas.apply_coupon(:'globex', 'late');
SELECT saas.apply_coupon(:'globex', 'two', 'infinity');
UPDATE saas.coupon_redemptions SET percent = 100, amounts = NULL WHERE code = 'TWO';
DELETE FROM saas.coupon_redemptions;
SELECT * FROM saas.check_invariants();
