-- Credit notes: in full, in parts, what becomes of the money, and what they leave alone.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
UPDATE saas.settings SET usage_id_retention = '1000 years';
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 10000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, 'book', 0, 1 FROM saas.plans WHERE key = 'plus';
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
SELECT saas.set_billing_details(:'acme', '{"country": "DE"}'), saas.set_tax_rate('DE', 19, '2021-01-01'), saas.set_tax_rate('DE', 7, '2021-01-01', 'Reduced VAT', 'reduced'),
       saas.set_tax_category('feature', 'book', 'reduced');
SELECT saas.subscribe(:'acme', 'plus', 1, '2026-01-01Z') IS NOT NULL;
SELECT saas.record_usage(:'acme', 'book', 3333, NULL, m) FROM unnest('{2026-01-10Z,2026-02-10Z,2026-03-10Z,2026-04-10Z}'::timestamptz[]) m;
CREATE VIEW notes AS
SELECT n.number, n.reason, n.net_amount, n.tax, n.total_amount, n.settled_amount AS settled, n.returned_amount AS returned, n.refunded_amount AS refunded, n.refund_reference,
       i.status, i.total_amount - i.credited_amount AS due,
       (SELECT string_agg(format('%s: %s + %s', l.description, l.net_amount, l.tax), ', ' ORDER BY l.position) FROM saas.credit_note_lines l WHERE l.credit_note_id = n.id) AS lines
  FROM saas.credit_notes n JOIN saas.payment_invoices i ON i.id = n.invoice_id ORDER BY n.id;
SELECT saas.generate_invoice(:'acme', '2026-01-01') AS january \gset
SELECT saas.credit_invoice(:'january', 'A draft');
SELECT saas.finalize_invoice(:'january');
-- In thirds, of an open invoice: it owes less, and then nothing.
SELECT saas.credit_invoice(:'january', 'Outage', 5155) IS NOT NULL, saas.credit_invoice(:'january', 'Outage again', 5155) IS NOT NULL;
SELECT saas.void_invoice(:'january', 'No');
SELECT saas.credit_invoice(:'january', 'Too much', 5157);
SELECT saas.credit_invoice(:'january', 'Refund', 1, 're_1');
SELECT saas.credit_invoice(:'january', 'The rest') AS last \gset
SELECT * FROM notes;
SELECT sum(net_amount), sum(tax) FROM saas.credit_notes;
SELECT saas.credit_invoice(:'january', 'Once more');
-- Of a paid one, partly paid with credits: what came in can be refunded, the rest becomes credits.
SELECT saas.grant_credit(:'acme', 5000, 'Sorry', 'promo') IS NOT NULL;
SELECT saas.generate_invoice(:'acme', '2026-02-01') AS february \gset
SELECT saas.finalize_invoice(:'february');
UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = :'february';
SELECT saas.credit_invoice(:'february', 'As credits', 1000) IS NOT NULL, saas.credit_invoice(:'february', 'Sent back', 466, 're_2') IS NOT NULL, saas.credit_invoice(:'february', 'All', NULL, 're_3') IS NOT NULL;
SELECT * FROM notes OFFSET 3;
SELECT saas.credit_balance(:'acme');
-- Of one that could not be collected.
SELECT saas.generate_invoice(:'acme', '2026-03-01') AS march \gset
SELECT saas.finalize_invoice(:'march');
UPDATE saas.payment_invoices SET status = 'failed' WHERE id = :'march';
SELECT saas.credit_invoice(:'march', 'Never used') IS NOT NULL;
SELECT * FROM notes OFFSET 6;
-- The document.
SELECT jsonb_pretty(saas.credit_note_document(:'last') - 'issued_on');
SELECT saas.credit_note_html(:'last') LIKE '%<h1>Credit note CN-000003</h1>%For invoice</dt><dd>INV-000001%';
-- They stay.
\set VERBOSITY terse
UPDATE saas.credit_notes SET total_amount = 1;
DELETE FROM saas.credit_note_lines;
TRUNCATE saas.credit_notes CASCADE;
SELECT saas.credit_invoice(:'march', ' ');
SELECT saas.credit_invoice(:'acme', 'Unknown');
SELECT last_number, last_credit_note FROM saas.issuers;
SELECT * FROM saas.check_invariants();
