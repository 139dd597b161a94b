-- A batch of which the good events are counted and the others told of.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_worker', 'worker'), saas.grant_access('saas_app', 'app');
\set acme 00000000-0000-7000-8000-00000000000a
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units) SELECT id, 'call', 5 FROM saas.plans WHERE key = 'free';
SET SESSION AUTHORIZATION saas_worker;
SELECT position, sqlstate, regexp_replace(message, '\d{4}-\d\d-01', 'this month') AS message FROM saas.record_usage_batch_report(
  ARRAY[:'acme', NULL, '00000000-0000-7000-8000-00000000000b', :'acme', :'acme', :'acme', :'acme', :'acme', :'acme', :'acme', :'acme', :'acme']::uuid[],
  ARRAY['call', 'call', 'call', NULL, 'cal', 'call', 'call', 'call', 'call', 'call', 'call', 'call'],
  ARRAY[1, 1, 1, 1, 1, NULL, -1, 2, 4, 8, 9223372036854775807, 16],
  ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'g', '', 'h', 'i', 'j', 'a'],
  ARRAY[now(), now(), now(), now(), now(), now(), now(), now(), NULL, now() - interval '401 days', now(), now()]);
SELECT * FROM saas.record_usage_batch_report(ARRAY[:'acme', :'acme']::uuid[], ARRAY['call', 'call'], ARRAY[1, 32], ARRAY['a', 'k'], ARRAY[now(), now() + interval '6 minutes']);
SELECT * FROM saas.record_usage_batch_report(ARRAY[:'acme', :'acme']::uuid[], ARRAY['call', 'call'], ARRAY[64, 128]);
SELECT * FROM saas.record_usage_batch_report('{}', '{}', '{}');
\set VERBOSITY sqlstate
SELECT * FROM saas.record_usage_batch_report(ARRAY[:'acme']::uuid[], ARRAY['call', 'call'], ARRAY[1, 1]);
SELECT * FROM saas.record_usage_batch_report(NULL, '{}', '{}');
SET SESSION AUTHORIZATION saas_app;
SELECT * FROM saas.record_usage_batch_report('{}', '{}', '{}');
SET SESSION AUTHORIZATION saas_owner;
SELECT event_id, units FROM saas.usage_events ORDER BY units;
SELECT units FROM saas.usage_totals;
