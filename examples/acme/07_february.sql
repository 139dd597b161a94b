\echo '=== 7. February: some of January\'s usage comes late (07_february.sql)'

SET SESSION AUTHORIZATION saas_demo_worker;
SELECT sent, saas.record_usage_batch(tenants, features, units, ids, times) AS new FROM usage_batch WHERE arrives = 'february';
CALL saas.close_period('2026-02-01');

SET SESSION AUTHORIZATION saas_demo_admin;
BEGIN;
SELECT saas.begin_request(:'olga') \gset
SELECT count(saas.finalize_invoice(id))
  FROM (SELECT i.id FROM saas.payment_invoices i JOIN saas.tenants t ON t.id = i.tenant_id
         WHERE i.status = 'draft' ORDER BY t.name) AS draft
\gset
COMMIT;

\echo 'A closed month stays as it was billed. What came late is on the next invoice, and credit pays what it can:'
SET SESSION AUTHORIZATION saas_demo_app;
BEGIN;
SELECT saas.begin_request(:'ada', :'acme') \gset
\pset border 2
SELECT number, description, quantity, each, amount, currency
  FROM app.invoice_lines WHERE period = '2026-02-01' ORDER BY position;
\pset border 1
COMMIT;
RESET SESSION AUTHORIZATION;

\echo 'Everybody\'s bills (Hooli is on the free plan):'
SELECT w.tenant AS workspace, w.plan,
       max(amount) FILTER (WHERE period = '2026-01-01') AS january,
       max(amount) FILTER (WHERE period = '2026-02-01') AS february, w.currency
  FROM workspace w LEFT JOIN app.invoice_lines l ON l.workspace = w.tenant AND l.description = 'Total'
 GROUP BY w.tenant, w.plan, w.currency
 ORDER BY w.tenant;
