\echo
\echo '=== 6. February: some usage of January comes late  (06_february.sql)'

SET ROLE saas_demo_worker;
SELECT sent, counted, sent - counted AS "sent twice"
  FROM (SELECT cardinality(event_ids) AS sent,
               saas.record_usage_batch(tenant_ids, feature_keys, units, event_ids, times) AS counted
          FROM usage_of WHERE arrives = 'february') AS batch;
CALL saas.close_period('2026-02-01');

SET ROLE saas_demo_admin;
BEGIN;
SELECT saas.begin_request(:'olga') \gset
SELECT count(saas.finalize_invoice(id))
  FROM (SELECT i.id FROM saas.payment_invoices i JOIN saas.tenants t ON t.id = i.tenant_id
         WHERE i.status = 'draft' ORDER BY t.name) AS draft
\gset
COMMIT;

\echo 'A closed month stays as it was billed: what came late is on the next invoice, and the top-up pays its part.'
SET ROLE saas_demo_app;
BEGIN;
SELECT saas.begin_request(:'ada', :'acme') \gset
SELECT number, description, quantity, each, amount, currency
  FROM app.invoice_lines WHERE period = '2026-02-01' ORDER BY position;
COMMIT;

RESET ROLE;
\echo 'All invoices. Hooli is on the free plan and has none:'
SELECT w.tenant AS workspace, w.plan,
       max(amount) FILTER (WHERE period = '2026-01-01') AS january,
       max(amount) FILTER (WHERE period = '2026-02-01') AS february, w.currency
  FROM workspace w LEFT JOIN app.invoice_lines l ON l.tenant = w.tenant AND l.description = 'TOTAL'
 GROUP BY w.tenant, w.plan, w.currency
 ORDER BY w.tenant;
