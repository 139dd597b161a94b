-- Event ids and events are forgotten when they are old, and no retry counts twice.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_worker', 'worker');
\set acme 00000000-0000-7000-8000-00000000000a
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units) SELECT id, 'call', 5 FROM saas.plans WHERE key = 'free';
-- The settings are checked against each other.
\set VERBOSITY sqlstate
UPDATE saas.settings SET usage_event_retention = '399 days';
UPDATE saas.settings SET usage_event_retention = '500 days';
UPDATE saas.settings SET usage_id_retention = '501 days';
\set VERBOSITY terse
-- A month of long ago, and one of which a part is old.
CREATE TABLE saas.usage_events_202001 PARTITION OF saas.usage_events FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z');
INSERT INTO saas.usage_event_keys (tenant_id, event_id, feature_key, units, occurred_at, recorded_at) VALUES
  (:'acme', 'old', 'call', 1, '2020-01-10Z', '2020-01-10Z'),
  (:'acme', 'late', 'call', 1, now() - interval '500 days', now() - interval '300 days'),
  (:'acme', 'in the grace', 'call', 1, now() - interval '400 days 6 hours', now() - interval '400 days 6 hours'),
  (:'acme', 'young', 'call', 1, now() - interval '399 days', now() - interval '399 days');
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at, recorded_at) VALUES
  (:'acme', 'call', 1, '2020-01-01', 'old', '2020-01-10Z', '2020-01-10Z'),
  (:'acme', 'call', 1, '2019-12-01', 'no month of its own', '2019-12-10Z', '2019-12-10Z'),
  (:'acme', 'call', 1, '2025-01-01', 'young', now() - interval '399 days', now() - interval '399 days');
SELECT saas.record_usage(:'acme', 'call', 1, 'now');
SET SESSION AUTHORIZATION saas_worker;
-- One id, the month. The default partition holds something young.
SELECT saas.apply_usage_retention(), saas.apply_usage_retention() AS again;
SET SESSION AUTHORIZATION saas_owner;
SELECT event_id FROM saas.usage_event_keys ORDER BY recorded_at;
SELECT event_id FROM saas.usage_events ORDER BY recorded_at;
SELECT to_regclass('saas.usage_events_202001');
-- The future forgets no id, and the events of months that are not over then either.
SELECT saas.apply_usage_retention('2020-01-01'), saas.apply_usage_retention(now() + interval '300 days');
SELECT event_id FROM saas.usage_event_keys ORDER BY recorded_at;
SELECT event_id FROM saas.usage_events ORDER BY recorded_at;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'saas.usage_events'::regclass AND inhrelid::regclass::text = 'saas.usage_events_default';
SELECT c.relrowsecurity, t.tgenabled FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'trg_refuse_truncate'
 WHERE c.oid = 'saas.usage_events_default'::regclass;
-- Ids that are kept for longer from now on don't bring the forgotten ones back.
UPDATE saas.settings SET usage_event_retention = NULL, usage_id_retention = '1000 days';
SELECT saas.record_usage(:'acme', 'call', 1, 'old', '2020-01-10Z');
SELECT saas.record_usage(:'acme', 'call', 1, 'young', now() - interval '399 days');
SELECT saas.record_usage(:'acme', 'call', 1, 'another', now() - interval '401 days');
\set VERBOSITY sqlstate
SELECT saas.apply_usage_retention(NULL);
SELECT saas.apply_usage_retention('infinity');
SET SESSION AUTHORIZATION saas_app;
SELECT saas.apply_usage_retention();
