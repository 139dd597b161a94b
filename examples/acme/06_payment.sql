\echo '=== 6. The payment provider reports; one event comes twice (06_payment.sql)'

-- Stripe collects the money, so that our invoices have an id there too.
SELECT saas.link_provider_invoice(i.id, 'stripe', replace(w.customer, 'cus_', 'in_'))
  FROM saas.payment_invoices i JOIN workspace w ON w.tenant_id = i.tenant_id
\g /dev/null

\set event1 `cat events/1-customer.subscription.created.json`
\set event2 `cat events/2-invoice.paid.json`
\set event3 `cat events/3-invoice.paid-again.json`
\set event4 `cat events/4-invoice.payment_failed.json`
\set event5 `cat events/5-customer.subscription.updated.json`
\set event6 `cat events/6-payment_intent.succeeded.json`

SET SESSION AUTHORIZATION saas_demo_worker;
SELECT event ->> 'id' AS event, event ->> 'type' AS type,
       saas.ingest_payment_event('stripe', event ->> 'id', event ->> 'type', event) AS new
  FROM unnest(ARRAY[:'event1', :'event2', :'event3', :'event4', :'event5', :'event6']::jsonb[]) AS event;
\set ECHO queries
SELECT saas.process_payment_events() AS processed;
\set ECHO none
RESET SESSION AUTHORIZATION;

\echo 'Acme paid, Globex could not; Acme also bought credit:'
SELECT t.name AS workspace, t.billing_state AS state, i.number, i.status AS invoice, app.money(i.total_amount, i.currency) AS total,
       app.money(saas.credit_balance(t.id), i.currency) AS credit, i.currency
  FROM saas.payment_invoices i JOIN saas.tenants t ON t.id = i.tenant_id
 ORDER BY i.number;
