-- What a plan gives, what of it is used, and who may know.
SET SESSION AUTHORIZATION saas_owner;
\pset null '(null)'
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_worker', 'worker'), saas.grant_access('saas_admin', 'admin');
UPDATE saas.settings SET usage_id_retention = '100 years';
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval, billing_cycle) VALUES
  ('plus', 'Plus', 2000, 'USD', 'monthly', 'calendar'), ('anniversary', 'Anniversary', 2000, 'USD', 'monthly', 'anniversary');
INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units, overage_price, price_model)
SELECT p.id, f.* FROM saas.plans p, (VALUES
  ('call', 'sum', 100, 2.5, NULL), ('mail', 'sum', 100, NULL, NULL), ('peak', 'max', 10, NULL, NULL), ('seat', 'last', 5, NULL, NULL),
  ('scan', 'sum', 0, NULL, '{"model": "per_unit", "unit_amount": "7"}'::jsonb)) AS f (key, aggregation, included, price, model)
 WHERE p.key IN ('plus', 'anniversary');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units) SELECT id, 'mail', 3 FROM saas.plans WHERE key = 'free';
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price, currency) SELECT id, 'call', 100, 2, 'EUR' FROM saas.plans WHERE key = 'plus';
SELECT saas.create_user('ada@acme.example') AS ada, saas.create_user('hank@globex.example') AS hank, saas.create_user('sam@example.com') AS sam \gset
SELECT saas.create_tenant('Acme', :'ada') AS acme, saas.create_tenant('Globex', :'hank') AS globex \gset
UPDATE saas.tenants SET time_zone = 'Asia/Kolkata' WHERE id = :'acme';
SELECT saas.create_session(:'ada') AS ada_token, saas.create_session(:'sam') AS sam_token \gset

-- Without a subscription: the free plan.
SELECT * FROM saas.entitlement(:'acme', 'mail');
SELECT * FROM saas.entitlement(:'acme', 'call');
SELECT saas.subscribe(:'acme', 'plus', starts_at => '2026-01-01Z') AS subscription \gset
-- In the tenant's own month, live and rolled up.
SELECT saas.record_usage(:'acme', f, units, NULL, at::timestamptz)
  FROM (VALUES ('call', 90, '2026-01-31 18:29Z'), ('call', 20, '2026-01-31 18:30Z'), ('mail', 100, '2026-01-10Z'), ('peak', 9, '2026-01-10Z'),
               ('peak', 4, '2026-01-11Z'), ('seat', 9, '2026-01-10Z'), ('seat', 4, '2026-01-11Z'), ('scan', 3, '2026-01-10Z')) AS e (f, units, at) \g /dev/null
CREATE VIEW entitled AS
SELECT f, e.* FROM unnest(ARRAY['call', 'mail', 'peak', 'scan', 'seat']) f, saas.tenants t, saas.entitlement(t.id, f, '2026-01-31 18:29Z') e WHERE t.name = 'Acme';
TABLE entitled;
SELECT saas.roll_up_usage('2026-01-01');
SELECT saas.record_usage(:'acme', 'call', 11, NULL, '2026-01-12Z');
TABLE entitled;
SELECT * FROM saas.entitlement(:'acme', 'call', '2026-01-31 18:30Z');
-- By the prices of the tenant's currency.
BEGIN;
UPDATE saas.tenants SET currency = 'EUR' WHERE id = :'acme';
SELECT * FROM saas.entitlement(:'acme', 'call', '2026-01-12Z');
SELECT * FROM saas.entitlement(:'acme', 'mail', '2026-01-12Z');
ROLLBACK;
-- A spend cap counts what all usage costs with one unit more: call 1 + 1 beyond at 2.5, scan 3 + 1 at 7.
SELECT saas.set_spend_cap(:'acme', 26);
SELECT f, allowed FROM entitled;
SELECT saas.set_spend_cap(:'acme', 31);
SELECT f, allowed FROM entitled;
SELECT saas.set_spend_cap(:'acme', NULL);
-- Paused: not billed, so as without. Suspended: nothing. Not begun, or in another period.
BEGIN;
UPDATE saas.tenant_subscriptions SET status = 'paused' WHERE id = :'subscription';
SELECT * FROM saas.entitlement(:'acme', 'mail', '2026-01-12Z');
SELECT * FROM saas.entitlement(:'acme', 'call', '2026-01-12Z');
ROLLBACK;
BEGIN;
UPDATE saas.tenants SET suspended_at = now() WHERE id = :'acme';
SELECT * FROM saas.entitlement(:'acme', 'call');
ROLLBACK;
SELECT * FROM saas.entitlement(:'acme', 'call', '2025-12-12Z');
-- Ended: free again.
BEGIN;
UPDATE saas.tenant_subscriptions SET status = 'canceled', ended_at = now() WHERE id = :'subscription';
SELECT * FROM saas.entitlement(:'acme', 'mail');
ROLLBACK;
-- Periods from the day of the contract.
SELECT saas.subscribe(:'globex', 'anniversary', starts_at => '2026-01-10Z') AS subscription \gset
SELECT saas.record_usage(:'globex', 'call', 5, NULL, '2026-02-09 12:00Z');
SELECT * FROM saas.entitlement(:'globex', 'call', '2026-01-10Z');
SELECT * FROM saas.entitlement(:'globex', 'call', '2026-02-10Z');

\set VERBOSITY terse
SELECT * FROM saas.entitlement(:'acme', 'calls');
SELECT * FROM saas.entitlement(gen_random_uuid(), 'call');
SELECT * FROM saas.entitlement(NULL, 'call');
SELECT * FROM saas.entitlement(:'acme', NULL);
SELECT * FROM saas.entitlement(:'acme', 'call', NULL);
SELECT * FROM saas.entitlement(:'acme', 'call', 'infinity');
SET SESSION AUTHORIZATION saas_worker;
SELECT used FROM saas.entitlement(:'acme', 'call', '2026-01-12Z');
SELECT used FROM saas.entitlement(gen_random_uuid(), 'call');
SET SESSION AUTHORIZATION saas_app;
SELECT used FROM saas.entitlement(:'acme', 'call');
BEGIN;
SELECT saas.begin_request(:'ada_token') = :'ada';
SELECT used FROM saas.entitlement(:'acme', 'call', '2026-01-12Z');
SAVEPOINT s;
SELECT used FROM saas.entitlement(:'globex', 'call');
ROLLBACK TO s;
SELECT used FROM saas.entitlement(gen_random_uuid(), 'call');
ROLLBACK;
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') = :'sam';
SELECT used FROM saas.entitlement(:'acme', 'call');
ROLLBACK;
SET SESSION AUTHORIZATION saas_owner;
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason) SELECT :'sam', id, :'sam', 'Support' FROM saas.roles WHERE key = 'platform_support';
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') = :'sam';
SELECT used FROM saas.entitlement(:'acme', 'call', '2026-01-12Z');
SELECT used FROM saas.entitlement(gen_random_uuid(), 'call');
ROLLBACK;
