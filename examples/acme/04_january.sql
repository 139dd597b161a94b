\echo
\echo '=== 4. January: usage, close, invoices  (04_january.sql)'

-- Olga gives Acme a credit of 10.00.
SET ROLE saas_demo_admin;
BEGIN;
SELECT saas.begin_request(:'olga') \gset
SELECT saas.grant_credit(:'acme', 1000, 'Welcome', 'promo', idempotency_key => 'welcome') \gset
COMMIT;

RESET ROLE;
CREATE TEMP TABLE usage_file (
  line bigint GENERATED ALWAYS AS IDENTITY,
  tenant text, feature_key text, units bigint, event_id text, occurred_at timestamptz, arrives text
);
\copy usage_file (tenant, feature_key, units, event_id, occurred_at, arrives) FROM 'usage.csv' CSV HEADER
CREATE TEMP VIEW usage_of AS
SELECT arrives,
       array_agg(w.tenant_id ORDER BY line)   AS tenant_ids,
       array_agg(u.feature_key ORDER BY line) AS feature_keys,
       array_agg(u.units ORDER BY line)       AS units,
       array_agg(u.event_id ORDER BY line)    AS event_ids,
       array_agg(u.occurred_at ORDER BY line) AS times
  FROM usage_file u JOIN workspace w USING (tenant)
 GROUP BY arrives;
GRANT SELECT ON usage_of TO saas_demo_worker;

SET ROLE saas_demo_worker;
SELECT sent, counted, sent - counted AS "sent twice"
  FROM (SELECT cardinality(event_ids) AS sent,
               saas.record_usage_batch(tenant_ids, feature_keys, units, event_ids, times) AS counted
          FROM usage_of WHERE arrives = 'january') AS batch;

\echo 'Everything of January is reported; the month is closed and billed, all workspaces at once.'
CALL saas.close_period('2026-01-01');

RESET ROLE;
-- The application's own view of an invoice. Policies are those of whoever looks.
CREATE FUNCTION app.money(amount numeric, currency text) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT round(amount / power(10::numeric, exponent), exponent + least(scale(trim_scale(amount)), 4))
    FROM saas.currencies WHERE code = currency
$$;
CREATE VIEW app.invoice_lines WITH (security_invoker = true) AS
SELECT t.name AS tenant, i.period, i.number, l.position, l.description, l.quantity,
       app.money(l.unit_amount, i.currency) AS each, app.money(l.amount, i.currency) AS amount, i.currency
  FROM saas.payment_invoices i
  JOIN saas.tenants t ON t.id = i.tenant_id
  JOIN saas.payment_invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id
UNION ALL
SELECT t.name, i.period, i.number, NULL, 'TOTAL', NULL, NULL, app.money(i.total_amount, i.currency), i.currency
  FROM saas.payment_invoices i
  JOIN saas.tenants t ON t.id = i.tenant_id
 ORDER BY period, tenant, position NULLS LAST;
GRANT SELECT ON app.invoice_lines TO saas_demo_app;
GRANT USAGE ON SCHEMA app TO saas_demo_admin;

-- Olga looks the drafts over and finalizes them: they get their numbers and can't change any more.
SET ROLE saas_demo_admin;
BEGIN;
SELECT saas.begin_request(:'olga') \gset
SELECT count(saas.finalize_invoice(id))
  FROM (SELECT i.id FROM saas.payment_invoices i JOIN saas.tenants t ON t.id = i.tenant_id
         WHERE i.status = 'draft' ORDER BY t.name) AS draft
\gset
COMMIT;

\echo 'Ada reads her invoice:'
SET ROLE saas_demo_app;
BEGIN;
SELECT saas.begin_request(:'ada', :'acme') \gset
SELECT number, description, quantity, each, amount, currency
  FROM app.invoice_lines WHERE period = '2026-01-01' ORDER BY position;
COMMIT;
RESET ROLE;
