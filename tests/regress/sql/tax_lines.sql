-- Tax lines: a rate's discounted sum is taxed once; prices with and without tax; treatments; a function of one's own.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
UPDATE saas.settings SET usage_id_retention = '1000 years';
INSERT INTO saas.plans (key, name, base_price, seat_price, currency, billing_interval) VALUES ('plus', 'Plus', 1003, 333, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT p.id, f.key, 0, 1 FROM saas.plans p, (VALUES ('call'), ('book')) AS f (key) WHERE p.key = 'plus';
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
SELECT saas.subscribe(:'acme', 'plus', 2, '2026-01-01Z') IS NOT NULL;
SELECT saas.record_usage(:'acme', f, 199, NULL, m) FROM unnest('{call,book}'::text[]) f, unnest('{2026-01-10Z,2026-02-10Z,2026-03-10Z,2026-04-10Z,2026-05-10Z}'::timestamptz[]) m;
CREATE VIEW told AS
SELECT i.period_start, l.position, l.kind, l.description, l.amount, l.tax_percent, l.contains_tax, l.taxable_amount, i.tax, i.discount, i.total_amount
  FROM saas.payment_invoices i JOIN saas.payment_invoice_lines l ON l.invoice_id = i.id ORDER BY i.id, l.position;
-- Without a rate nothing is taxed.
SELECT kind, amount FROM saas.preview_invoice(:'acme', '2026-01-31Z');
-- Two rates, a discount over both, credits after the tax.
SELECT saas.set_tax_rate('DE', 19, '2021-01-01'), saas.set_tax_rate('DE', 7, '2021-01-01', 'Reduced VAT', 'reduced'), saas.set_tax_rate('DE', 20.5, '2026-03-01');
SELECT saas.set_tax_category('feature', 'book', 'reduced');
SELECT saas.set_billing_details(:'acme', '{"name": "Acme GmbH", "country": "DE", "tax_id": "DE123456789"}');
SELECT saas.define_coupon('{"code": "TEN", "percent": "10"}') IS NOT NULL, saas.apply_coupon(:'acme', 'ten', '2026-01-01Z') IS NOT NULL;
SELECT saas.grant_credit(:'acme', 100, 'Sorry', 'promo') IS NOT NULL;
CREATE TEMP TABLE before AS SELECT * FROM saas.preview_invoice(:'acme', '2026-01-31Z');
SELECT saas.generate_invoice(:'acme', '2026-01-01') AS january \gset
SELECT * FROM told;
SELECT count(*) AS other_than_the_preview
  FROM before b FULL JOIN saas.payment_invoice_lines l USING (position, kind, description, amount) WHERE b.kind IS NULL OR l.kind IS NULL;
-- The rate of the period; a late unit has that of its own.
SELECT saas.generate_invoice(:'acme', '2026-02-01') AS february \gset
SELECT saas.record_usage(:'acme', 'call', 1000, NULL, '2026-02-20Z');
SELECT saas.generate_invoice(:'acme', '2026-03-01') AS march \gset
SELECT * FROM told WHERE period_start = '2026-03-01';
-- Prices that contain the tax: the total is what was promised.
SELECT saas.set_tax_rate('DE', 19, '2026-04-01', is_inclusive => true);
SELECT saas.generate_invoice(:'acme', '2026-04-01') AS april \gset
SELECT * FROM told WHERE period_start = '2026-04-01';
-- Reverse charge, until the tax id is another one.
SELECT saas.set_tax_treatment(:'acme', 'reverse_charge');
SELECT kind, description, amount FROM saas.preview_invoice(:'acme', '2026-05-31Z') WHERE kind = 'tax';
SELECT saas.set_billing_details(:'acme', '{"name": null, "tax_id": "DE123456789"}');
SELECT name, country, tax_id, tax_treatment FROM saas.billing_details;
SELECT saas.set_billing_details(:'acme', '{"tax_id": "DE999999999"}');
SELECT name, country, tax_id, tax_treatment FROM saas.billing_details;
SELECT saas.set_tax_treatment(:'acme', 'exempt');
SELECT kind, description, amount FROM saas.preview_invoice(:'acme', '2026-05-31Z') WHERE kind = 'tax';
-- Late usage that has made more cheaper than is due takes its tax along into the credits.
SELECT saas.set_tax_treatment(:'acme', 'standard');
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('bulk', 'Bulk', 500, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, price_model)
SELECT id, 'sheet', 0, '{"model": "volume", "tiers": [{"up_to": 10, "unit_amount": "1000"}, {"up_to": null, "unit_amount": "1"}]}' FROM saas.plans WHERE key = 'bulk';
\set globex 00000000-0000-7000-8000-00000000000b
INSERT INTO saas.tenants (id, name) VALUES (:'globex', 'Globex');
SELECT saas.set_billing_details(:'globex', '{"country": "DE"}'), saas.subscribe(:'globex', 'bulk', 1, '2026-01-01Z') IS NOT NULL, saas.record_usage(:'globex', 'sheet', 10, NULL, '2026-01-10Z');
SELECT saas.generate_invoice(:'globex', '2026-01-01') AS dear \gset
SELECT saas.record_usage(:'globex', 'sheet', 5, NULL, '2026-01-10Z');
SELECT saas.generate_invoice(:'globex', '2026-02-01') AS cheap \gset
SELECT t.position, t.kind, t.description, t.amount, t.tax, t.total_amount FROM told t JOIN saas.payment_invoices i USING (period_start) WHERE i.id = :'cheap' AND t.total_amount = 0;
SELECT saas.credit_balance(:'globex');
-- A function of one's own.
CREATE FUNCTION public.flat_tax(tenant uuid, country text, category text, day date, OUT name text, OUT percent numeric, OUT is_inclusive boolean, OUT note text)
RETURNS SETOF record LANGUAGE sql STABLE AS $$ SELECT format('Flat tax of %s on %s', country, category), 10.0, false, current_user::text WHERE category <> 'reduced' $$;
SELECT saas.set_tax_function('public.flat_tax(uuid,text,text,date)');
SELECT kind, description, amount FROM saas.preview_invoice(:'acme', '2026-05-31Z');
-- Whose function it is counts when it is called.
RESET SESSION AUTHORIZATION;
ALTER FUNCTION public.flat_tax OWNER TO saas_app;
SET SESSION AUTHORIZATION saas_owner;
SELECT kind, description, amount FROM saas.preview_invoice(:'acme', '2026-05-31Z');
SELECT saas.set_tax_function('public.flat_tax(uuid,text,text,date)');
SELECT saas.set_tax_function('pg_catalog.now()');
SELECT saas.set_tax_function(NULL);
-- What can't be.
\set VERBOSITY terse
SELECT saas.set_tax_rate('de', 19, '2026-01-01');
SELECT saas.set_tax_rate('DE', -1, '2026-01-01');
SELECT saas.set_tax_rate('DE', 'NaN', '2026-01-01');
SELECT saas.set_tax_rate('DE', 19, 'infinity');
SELECT saas.set_tax_rate('DE', NULL, '2026-01-01');
SELECT saas.set_tax_category('plan', 'plush', 'reduced');
SELECT saas.set_tax_category('seat', 'plus', 'reduced');
SELECT saas.set_tax_treatment(:'acme', 'never');
SELECT saas.set_billing_details(:'acme', '{"tax_treatment": "exempt"}');
SELECT saas.tax_amount(9223372036854775807, 19, true), saas.tax_amount(-119, 19, true), saas.tax_amount(3, 50, false);
SELECT saas.tax_amount(9223372036854775807, 190, false);
SELECT * FROM saas.check_invariants();
