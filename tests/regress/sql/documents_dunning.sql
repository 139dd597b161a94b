-- Reminders of overdue invoices: a step a call, each with its date; the contract falls behind and catches up.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 10000, 'USD', 'monthly');
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
SELECT saas.subscribe(:'acme', 'plus', 1, '2026-01-01Z') IS NOT NULL;
SELECT saas.generate_invoice(:'acme', '2026-01-01') AS january \gset
SELECT saas.finalize_invoice(:'january');
SELECT due_at FROM saas.payment_invoices \gset
CREATE VIEW told AS
SELECT d.status, date_trunc('day', d.reminder_at - i.due_at) AS reminded, date_trunc('day', d.warning_at - i.due_at) AS warned,
       date_trunc('day', d.final_at - i.due_at) AS final, d.settled_at IS NOT NULL AS settled, s.status AS contract,
       (SELECT string_agg(topic, ' ' ORDER BY o.id) FROM saas.outbox o) AS messages
  FROM saas.dunning d JOIN saas.payment_invoices i ON i.id = d.invoice_id JOIN saas.tenant_subscriptions s ON s.id = i.subscription_id;
SELECT saas.advance_dunning(:'due_at'::timestamptz + interval '3 days' - interval '1 second');
SELECT saas.advance_dunning(:'due_at'::timestamptz + interval '3 days'), saas.advance_dunning(:'due_at'::timestamptz + interval '3 days');
SELECT * FROM told;
-- Very late: each step still comes by itself.
SELECT saas.advance_dunning(:'due_at'::timestamptz + interval '60 days');
SELECT * FROM told;
SELECT saas.advance_dunning(:'due_at'::timestamptz + interval '61 days'), saas.advance_dunning(:'due_at'::timestamptz + interval '62 days');
SELECT * FROM told;
SELECT payload - 'invoice_id' - 'due_at' FROM saas.outbox ORDER BY id LIMIT 1;
-- No way back, and none from nowhere.
UPDATE saas.dunning SET status = 'reminder';
-- Paid.
UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = :'january';
SELECT saas.advance_dunning(:'due_at'::timestamptz + interval '63 days');
SELECT * FROM told;
-- Behind before the first reminder, and paid before it.
UPDATE saas.settings SET payment_grace = '1 day';
SELECT saas.generate_invoice(:'acme', '2026-02-01') AS february \gset
SELECT saas.finalize_invoice(:'february');
SELECT saas.advance_dunning(:'due_at'::timestamptz + interval '2 days');
SELECT status, (SELECT count(*) FROM saas.dunning) AS reminders FROM saas.tenant_subscriptions;
UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = :'february';
SELECT saas.advance_dunning(:'due_at'::timestamptz + interval '2 days');
SELECT status FROM saas.tenant_subscriptions;
SELECT saas.advance_dunning('infinity'), saas.advance_dunning(NULL);
SELECT saas.advance_dunning(NULL);
SELECT * FROM saas.check_invariants();
