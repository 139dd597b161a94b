-- Every counted event is kept as it was counted.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
INSERT INTO saas.tenants (id, name, time_zone) VALUES (:'acme', 'Acme', 'Asia/Kolkata');
UPDATE saas.settings SET usage_id_retention = '100 years';
INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units)
SELECT id, f, f, 5 FROM saas.plans, unnest(ARRAY['sum', 'max', 'last']) f WHERE key = 'free';
SELECT key, aggregation FROM saas.features ORDER BY key;
-- A feature is metered in one way.
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('other', 'Other', 0, 'USD', 'monthly');
\set VERBOSITY terse
INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units) SELECT id, 'max', 'sum', 1 FROM saas.plans WHERE key = 'other';
\set VERBOSITY default

SELECT saas.record_usage(:'acme', feature, units, event, at)
  FROM (VALUES ('sum', 3, 'a', timestamptz '2026-01-31 18:29Z'), ('sum', 4, 'a', '2026-01-31 18:29Z'), ('sum', 5, NULL, '2026-01-31 18:30Z'),
               ('max', 9, 'b', '2026-02-01Z'), ('max', 7, 'c', '2026-02-02Z'), ('last', 9, 'd', '2026-02-02Z'), ('last', 7, 'e', '2026-02-01Z'),
               ('last', 6, 'f', '2026-02-02Z')) AS e (feature, units, event, at);
SELECT feature_key, units, period, event_id, occurred_at FROM saas.usage_events ORDER BY occurred_at, event_id;
SELECT event_id, feature_key, units FROM saas.usage_event_keys ORDER BY event_id;
SELECT feature_key, period, units FROM saas.usage_totals ORDER BY feature_key, period;
SELECT feature_key, period, count FROM saas.usage_records;
SELECT saas.roll_up_usage('2026-02-15') AS summaries, saas.roll_up_usage('2026-02-01') AS again;
SELECT feature_key, period, count FROM saas.usage_records ORDER BY feature_key, period;
SELECT feature_key, period, units_used, closed_at FROM saas.usage_summaries ORDER BY feature_key, period;
SELECT feature_key, period, units FROM saas.usage_totals ORDER BY feature_key, period;
SELECT subject, evidence FROM saas.security_events;

-- Events are a record.
\set VERBOSITY terse
UPDATE saas.usage_events SET units = 0;
DELETE FROM saas.usage_events;
TRUNCATE saas.usage_events;
