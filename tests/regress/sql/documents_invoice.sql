-- An invoice as a document: it says what it said when it was finalized, in the currency's own decimals.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
\set tokyo 00000000-0000-7000-8000-00000000000b
UPDATE saas.settings SET usage_id_retention = '1000 years';
INSERT INTO saas.plans (key, name, base_price, seat_price, currency, billing_interval) VALUES ('plus', 'Plus', 123456, 150, 'USD', 'monthly'), ('yen', 'Yen', 123456, 0, 'JPY', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, 'project.create', 1000, 0.37 FROM saas.plans WHERE key = 'plus';
INSERT INTO saas.tenants (id, name, currency) VALUES (:'acme', 'Acme <script>alert(1)</script>', 'USD'), (:'tokyo', 'Tokyo & Sons', 'JPY');
SELECT saas.set_issuer('{"name": "Example Software Ltd.", "address": "2 High Street\nDublin", "country": "IE", "tax_id": "IE1234567T", "number_prefix": "EX-", "payment_note": "To IE29 AIBK 9311 5212 3456 78"}');
SELECT saas.set_tax_rate('IE', 23, '2020-01-01');
SELECT saas.subscribe(:'acme', 'plus', 3, '2026-01-01Z') IS NOT NULL, saas.subscribe(:'tokyo', 'yen', 1, '2026-01-01Z') IS NOT NULL;
SELECT saas.record_usage(:'acme', 'project.create', 1200, NULL, '2026-01-10Z');
SELECT saas.grant_credit(:'acme', 1000, 'Sorry', 'promo') IS NOT NULL;
SELECT saas.generate_invoice(:'acme', '2026-01-01') AS acme_draft, saas.generate_invoice(:'tokyo', '2026-01-01') AS tokyo_draft \gset
SELECT jsonb_pretty(saas.invoice_document(:'acme_draft'));
SELECT saas.finalize_invoice(:'acme_draft');
UPDATE saas.tenants SET name = 'Somebody else';
SELECT saas.set_issuer('{"name": "Other Ltd.", "tax_id": null}');
SELECT saas.set_billing_details(:'acme', '{"name": "Somebody else"}');
SELECT d -> 'issuer', d -> 'bill_to', d ->> 'number' FROM saas.invoice_document(:'acme_draft') d;
UPDATE saas.payment_invoices SET bill_to = '{}' WHERE id = :'acme_draft';
-- Nor does its day move with the tenant, half a world away; a credit note's is in the invoice's zone.
SELECT saas.credit_invoice(:'acme_draft', 'An outage', 100) AS note \gset
SELECT d ->> 'issued_on' AS issued, d ->> 'due_on' AS due FROM saas.invoice_document(:'acme_draft') d \gset
UPDATE saas.tenants SET time_zone = zone FROM (VALUES ('Pacific/Kiritimati'), ('Etc/GMT+12')) AS z (zone)
 WHERE id = :'acme' AND (now() AT TIME ZONE zone)::date <> (now() AT TIME ZONE 'UTC')::date;
SELECT time_zone <> 'UTC' AS moved, d ->> 'issued_on' = :'issued' AND d ->> 'due_on' = :'due' AS invoice_stays,
       saas.credit_note_document(:'note') ->> 'issued_on' = :'issued' AS note_stays
  FROM saas.tenants, saas.invoice_document(:'acme_draft') d WHERE id = :'acme';
UPDATE saas.tenants SET time_zone = 'UTC' WHERE id = :'acme';
-- The page, but for its dates and its style.
SELECT regexp_replace(regexp_replace(saas.invoice_html(:'acme_draft'), '<style>.*</style>', '', 's'), '<dt>(Issued|Due)</dt><dd>[-0-9]*</dd>', '', 'g');
SELECT substring(saas.invoice_html(:'tokyo_draft') FROM '<tr class="total">.*?</tr>');
-- What can't be.
SELECT saas.set_issuer('{"name": null}');
SELECT saas.set_issuer('{"number_prefix": "2026"}');
SELECT saas.set_issuer('{"nam": "x"}');
SELECT saas.set_issuer('{"name": "x"}', 'other');
SELECT saas.invoice_document(:'acme');
SELECT saas.invoice_html(NULL);
-- Over nothing: with a number, or without one.
\set nothing 00000000-0000-7000-8000-00000000000c
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('gift', 'Gift', 0, 'USD', 'monthly');
INSERT INTO saas.tenants (id, name) VALUES (:'nothing', 'Nothing');
SELECT saas.subscribe(:'nothing', 'gift', 1, '2026-01-01Z') IS NOT NULL;
SELECT saas.generate_invoice(:'nothing', '2026-01-01') AS first, saas.generate_invoice(:'nothing', '2026-02-01') AS second \gset
SELECT saas.finalize_invoice(:'first');
UPDATE saas.settings SET zero_invoices = 'skip';
SELECT saas.finalize_invoice(:'second'), saas.finalize_invoice(:'second');
-- Paid with credits alone is not nothing.
SELECT saas.grant_credit(:'acme', 1000000, 'Sorry', 'promo') IS NOT NULL;
SELECT saas.generate_invoice(:'acme', '2026-02-01') AS paid \gset
SELECT saas.finalize_invoice(:'paid');
SELECT number, status, total_amount, credit_amount FROM saas.payment_invoices ORDER BY id;
\set VERBOSITY terse
UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = :'tokyo_draft';
SELECT * FROM saas.check_invariants();
