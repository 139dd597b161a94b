-- Consuming up to a limit, spend caps, and alerts once a period.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_worker', 'worker'), saas.grant_access('saas_gateway', 'gateway');
INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units, overage_price)
SELECT p.id, f.* FROM saas.plans p, (VALUES ('call', 'sum', 10, NULL), ('mail', 'sum', 10, 3), ('fax', 'sum', 0, 5), ('peak', 'max', 10, NULL),
                                        ('seat', 'last', 5, NULL)) AS f (key, aggregation, included, price)
 WHERE p.key = 'free';
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('other', 'Other', 0, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units) SELECT id, 'scan', 1 FROM saas.plans WHERE key = 'other';
SELECT saas.create_user('ada@acme.example') AS ada, saas.create_user('mia@acme.example') AS mia \gset
SELECT saas.create_tenant('Acme', :'ada') AS acme, saas.create_tenant('Globex', saas.create_user('hank@globex.example')) AS globex \gset
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT :'acme', :'mia', id FROM saas.roles WHERE key = 'tenant_admin';
SELECT saas.create_session(:'ada') AS ada_token, saas.create_session(:'mia') AS mia_token \gset

SET SESSION AUTHORIZATION saas_gateway;
-- A limit, its last unit, a retry after it was reached.
SELECT saas.consume(:'acme', 'call', 7, 'a'), saas.consume(:'acme', 'call', 3, 'b');
SELECT saas.consume(:'acme', 'call', 1, 'c');
SELECT saas.consume(:'acme', 'call', 3, 'b'), saas.consume(:'acme', 'call', 0, 'd');
\set VERBOSITY sqlstate
SELECT saas.consume(:'acme', 'call', 1, NULL);
SELECT saas.consume(:'acme', 'call', 9223372036854775807, NULL);
-- What record_usage tells of counts too, and is never refused.
SELECT saas.record_usage(:'globex', 'call', 9, NULL), saas.consume(:'globex', 'call', 1, NULL);
SELECT saas.record_usage(:'globex', 'call', 5, NULL);
SELECT saas.consume(:'globex', 'call', 0, NULL);
-- Others by their own meters.
SELECT saas.consume(:'acme', 'peak', 10, NULL), saas.consume(:'acme', 'peak', 10, NULL);
SELECT saas.consume(:'acme', 'peak', 11, NULL);
SELECT saas.consume(:'acme', 'seat', 5, NULL), saas.consume(:'acme', 'seat', 3, NULL);
SELECT saas.consume(:'acme', 'seat', 6, NULL);
-- A feature with a price, one that another plan has, one that none has.
SELECT saas.consume(:'acme', 'mail', 12, 'm1'), saas.consume(:'acme', 'mail', 12, 'm1');
SELECT saas.consume(:'acme', 'scan', 1, NULL);
SELECT saas.consume(:'acme', 'scan', 0, NULL);
SELECT saas.consume(:'acme', 'calls', 1, NULL);
SELECT saas.consume(gen_random_uuid(), 'call', 1, NULL);
SELECT saas.consume(:'acme', 'call', -1, NULL);
SELECT saas.consume(:'acme', 'call', 0, '');
SELECT saas.consume(NULL, 'call', 0, NULL);
SELECT saas.consume(:'acme', NULL, 0, NULL);
SELECT saas.consume(:'acme', 'call', NULL, NULL);
-- After a rollback nothing is left.
BEGIN;
SELECT saas.consume(:'acme', 'fax', 1, 'f1');
ROLLBACK;
SELECT saas.consume(:'acme', 'fax', 1, 'f1');
SET SESSION AUTHORIZATION saas_app;
SELECT saas.consume(:'acme', 'call', 0, NULL);

-- A cap of 20: mail is at 2 beyond, 6, and fax at 1, 5.
BEGIN;
SELECT saas.begin_request(:'ada_token', :'acme') = :'ada';
SELECT saas.set_spend_cap(:'acme', 20), saas.set_spend_cap(:'acme', 20);
SELECT amount FROM saas.spend_caps;
SAVEPOINT s;
SELECT saas.set_spend_cap(:'acme', -1);
ROLLBACK TO s;
SELECT saas.set_spend_cap(:'globex', 1);
ROLLBACK TO s;
SELECT saas.set_spend_cap(NULL, 1);
ROLLBACK TO s;
SELECT saas.set_spend_cap(gen_random_uuid(), 1);
ROLLBACK TO s;
COMMIT;
SELECT saas.set_spend_cap(:'acme', 1);
BEGIN;
SELECT saas.begin_request(:'mia_token', :'acme') = :'mia';
SELECT amount FROM saas.spend_caps;
SELECT saas.set_spend_cap(:'acme', 1);
ROLLBACK;
SET SESSION AUTHORIZATION saas_gateway;
SELECT saas.consume(:'acme', 'fax', 2, NULL);
SELECT saas.consume(:'acme', 'fax', 1, 'f2');
SELECT saas.consume(:'acme', 'mail', 4, NULL);
SELECT saas.consume(:'acme', 'mail', 3, 'm2'), saas.consume(:'acme', 'mail', 3, 'm2');
SELECT saas.consume(:'acme', 'mail', 1, 'm3');
SELECT saas.record_usage(:'acme', 'mail', 100, NULL);
-- Included units cost nothing, whatever the cap.
SELECT saas.consume(:'globex', 'mail', 10, NULL);
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.set_spend_cap(:'globex', 0);
SELECT saas.consume(:'globex', 'mail', 0, NULL);
SELECT saas.consume(:'globex', 'mail', 1, NULL);
SELECT saas.set_spend_cap(:'globex', NULL), saas.set_spend_cap(:'acme', NULL);
SELECT saas.consume(:'globex', 'mail', 1, NULL), saas.consume(:'acme', 'mail', 1, 'm3');
UPDATE saas.tenants SET suspended_at = now() WHERE id = :'globex';
SELECT saas.consume(:'globex', 'mail', 1, NULL);
SELECT saas.consume(:'globex', 'call', 1, NULL);
UPDATE saas.tenants SET suspended_at = NULL WHERE id = :'globex';
\set VERBOSITY default
SELECT t.name, feature_key, units FROM saas.usage_totals JOIN saas.tenants t ON t.id = tenant_id ORDER BY 1, 2;
SELECT action, actor_id = :'ada' AS by_ada, old_values ->> 'amount' AS old, new_values ->> 'amount' AS new
  FROM saas.platform_audit_logs WHERE target_type = 'spend_caps' ORDER BY id;

-- Alerts: units, percent of what is included, what the period will end at.
SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'ada_token', :'acme') = :'ada';
SELECT saas.set_usage_alert(:'acme', 'call', 'percent', 50) = saas.set_usage_alert(:'acme', 'call', 'percent', 50.0) AS same;
SELECT saas.set_usage_alert(:'acme', 'call', 'percent', 101) IS NOT NULL, saas.set_usage_alert(:'acme', 'call', 'units', 10) IS NOT NULL,
       saas.set_usage_alert(:'acme', 'fax', 'percent', 1) IS NOT NULL, saas.set_usage_alert(:'acme', 'scan', 'percent', 1) IS NOT NULL;
COMMIT;
\set VERBOSITY sqlstate
BEGIN;
SELECT saas.begin_request(:'ada_token', :'acme') = :'ada';
SAVEPOINT s;
SELECT saas.set_usage_alert(:'acme', 'calls', 'percent', 50);
ROLLBACK TO s;
SELECT saas.set_usage_alert(:'acme', 'call', 'share', 50);
ROLLBACK TO s;
SELECT saas.set_usage_alert(:'acme', 'call', 'units', 0);
ROLLBACK TO s;
SELECT saas.set_usage_alert(:'acme', 'call', 'units', 'NaN');
ROLLBACK TO s;
SELECT saas.set_usage_alert(:'acme', 'call', 'units', 'infinity');
ROLLBACK TO s;
SELECT saas.set_usage_alert(:'acme', 'call', 'units', NULL);
ROLLBACK TO s;
SELECT saas.set_usage_alert(:'globex', 'call', 'units', 5);
ROLLBACK TO s;
SELECT saas.remove_usage_alert(:'acme', gen_random_uuid());
ROLLBACK TO s;
SELECT saas.set_usage_alert(:'acme', 'call', 'units', n) IS NULL FROM generate_series(1000, 1100) n;
ROLLBACK;
\set VERBOSITY default
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.raise_usage_alerts(), saas.raise_usage_alerts() AS again;
SELECT feature_key, kind, threshold, used, included FROM saas.usage_alerts_raised ORDER BY 1, 2, 3;
-- Consuming raises them at once; roll-up too; the next period again.
SET SESSION AUTHORIZATION saas_owner;
UPDATE saas.settings SET usage_id_retention = '100 years';
SELECT saas.set_usage_alert(:'globex', 'fax', 'units', 3) AS alert \gset
SELECT saas.consume(:'globex', 'fax', 2, NULL);
SELECT count(*) FROM saas.usage_alerts_raised WHERE alert_id = :'alert';
SELECT saas.consume(:'globex', 'fax', 1, NULL);
SELECT count(*) FROM saas.usage_alerts_raised WHERE alert_id = :'alert';
SELECT saas.set_usage_alert(:'globex', 'peak', 'percent', 100) AS peak \gset
SELECT saas.record_usage(:'globex', 'peak', 10, NULL);
SELECT saas.roll_up_usage(current_date) > 0;
SELECT count(*) FROM saas.usage_alerts_raised WHERE alert_id = :'peak';
SELECT saas.record_usage(:'globex', 'fax', 3, NULL, '2026-01-10Z'), saas.raise_usage_alerts('2026-01-31 23:59Z'), saas.raise_usage_alerts('2026-01-11Z');
SELECT count(*) FROM saas.usage_alerts_raised WHERE alert_id = :'alert';
-- A forecast: 6 of 10 in a tenth of the month are 600 percent at its end; not on the first day.
SELECT saas.record_usage(:'globex', 'call', 6, NULL, '2026-01-01 06:00Z'), saas.set_usage_alert(:'globex', 'call', 'forecast', 600) AS forecast \gset
SELECT saas.raise_usage_alerts('2026-01-01 23:59Z') AS first_day, saas.raise_usage_alerts('2026-01-04 02:24:01Z') AS too_little, saas.raise_usage_alerts('2026-01-04 02:24Z') AS enough;
SELECT used, included FROM saas.usage_alerts_raised WHERE alert_id = :'forecast';
SELECT saas.remove_usage_alert(:'globex', :'forecast');
SELECT count(*) FROM saas.usage_alerts_raised WHERE alert_id = :'forecast';
SELECT * FROM saas.check_invariants();
