\echo '=== 5. January: usage comes in, the month is closed, invoices go out (05_january.sql)'

-- Olga gives Acme a credit of 10.00.
SET SESSION AUTHORIZATION saas_demo_admin;
BEGIN;
SELECT saas.begin_request(:'olga') \gset
SELECT saas.grant_credit(:'acme', 1000, 'Welcome', 'promo', idempotency_key => 'welcome') \gset
COMMIT;
RESET SESSION AUTHORIZATION;

CREATE TEMP TABLE usage_file (
  line bigint GENERATED ALWAYS AS IDENTITY,
  tenant text, feature_key text, units bigint, event_id text, occurred_at timestamptz, arrives text
);
\copy usage_file (tenant, feature_key, units, event_id, occurred_at, arrives) FROM 'usage.csv' CSV HEADER
CREATE TEMP VIEW usage_batch AS
SELECT arrives, count(*) AS sent, array_agg(tenant_id ORDER BY line) AS tenants, array_agg(feature_key ORDER BY line) AS features,
       array_agg(units ORDER BY line) AS units, array_agg(event_id ORDER BY line) AS ids, array_agg(occurred_at ORDER BY line) AS times
  FROM usage_file JOIN workspace USING (tenant)
 GROUP BY arrives;
GRANT SELECT ON usage_batch TO saas_demo_worker;

SET SESSION AUTHORIZATION saas_demo_worker;
\set ECHO queries
SELECT sent, saas.record_usage_batch(tenants, features, units, ids, times) AS new FROM usage_batch WHERE arrives = 'january';
\set ECHO none
\echo 'The rest had been sent before: an event id counts once.'
\echo
\set ECHO queries
CALL saas.close_period('2026-01-01');
\set ECHO none

RESET SESSION AUTHORIZATION;
-- An invoice for people. The policies are those of whoever looks.
CREATE FUNCTION app.money(amount numeric, currency text) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT round(amount / power(10::numeric, exponent), exponent + least(scale(trim_scale(amount)), 4))
    FROM saas.currencies WHERE code = currency
$$;
CREATE VIEW app.invoice_lines WITH (security_invoker = true) AS
SELECT t.name AS workspace, i.period, i.number, l.position, l.description, l.quantity,
       app.money(l.unit_amount, i.currency) AS each, app.money(l.amount, i.currency) AS amount, i.currency
  FROM saas.payment_invoices i
  JOIN saas.tenants t ON t.id = i.tenant_id
  JOIN saas.payment_invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id
UNION ALL
SELECT t.name, i.period, i.number, NULL, 'Total', NULL, NULL, app.money(i.total_amount, i.currency), i.currency
  FROM saas.payment_invoices i
  JOIN saas.tenants t ON t.id = i.tenant_id
 ORDER BY workspace, period, position NULLS LAST;
GRANT SELECT ON app.invoice_lines TO saas_demo_app;

-- Olga finalizes the drafts: they get their numbers, and can't change any more.
SET SESSION AUTHORIZATION saas_demo_admin;
BEGIN;
SELECT saas.begin_request(:'olga') \gset
SELECT count(saas.finalize_invoice(id))
  FROM (SELECT i.id FROM saas.payment_invoices i JOIN saas.tenants t ON t.id = i.tenant_id
         WHERE i.status = 'draft' ORDER BY t.name) AS draft
\gset
COMMIT;

\echo '\nAda reads the invoice for January:'
SET SESSION AUTHORIZATION saas_demo_app;
BEGIN;
SELECT saas.begin_request(:'ada', :'acme') \gset
\pset border 2
SELECT number, description, quantity, each, amount, currency
  FROM app.invoice_lines WHERE period = '2026-01-01' ORDER BY position;
\pset border 1
COMMIT;
RESET SESSION AUTHORIZATION;

\echo 'January is January in New York; two events at its end:'
SELECT occurred_at AS utc, occurred_at AT TIME ZONE 'America/New_York' AS "New York", period AS "billed in the period of"
  FROM saas.usage_events
 WHERE tenant_id = :'acme' AND occurred_at IN ('2026-02-01 04:59:59Z', '2026-02-01 05:00:00Z') AND feature_key = 'project.create'
 ORDER BY occurred_at;
