-- Events that were recorded wrongly: what they count for in truth, who may say so, and what is left of it.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_worker', 'worker'), saas.grant_access('saas_gateway', 'gateway'),
       saas.grant_access('saas_admin', 'admin');
UPDATE saas.settings SET usage_id_retention = '1000 years', usage_slots = 1;
INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units, overage_price)
SELECT p.id, f.* FROM saas.plans p, (VALUES ('call', 'sum', 10, 5), ('scan', 'sum', 10, NULL), ('peak', 'max', 3, 7), ('seat', 'last', 3, 9)) AS f (key, aggregation, included, price)
 WHERE p.key = 'free';
SELECT saas.create_user('ada@acme.example') AS ada, saas.create_user('mia@acme.example') AS mia, saas.create_user('root@example.com') AS root \gset
SELECT saas.create_tenant('Acme', :'ada') AS acme, saas.create_tenant('Globex', saas.create_user('hank@globex.example')) AS globex \gset
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT :'acme', :'mia', id FROM saas.roles WHERE key = 'tenant_member';
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason) SELECT :'root', id, :'root', 'the first' FROM saas.roles WHERE key = 'platform_admin';
SELECT saas.create_session(:'ada') AS ada_token, saas.create_session(:'mia') AS mia_token, saas.create_session(:'root') AS root_token \gset
CREATE VIEW totals WITH (security_invoker = true) AS
SELECT t.name, feature_key, period, units FROM saas.usage_totals JOIN saas.tenants t ON t.id = tenant_id ORDER BY 1, 2, 3;

-- A sum: less, more, nothing, and given back; the same again says so. A retry of the event counts nothing, whatever it says.
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.record_usage(:'acme', 'call', 100, 'a', '2026-01-10Z'), saas.record_usage(:'acme', 'call', 1, 'b', '2026-01-11Z'),
       saas.record_usage(:'globex', 'call', 50, 'a', '2026-01-10Z');
SELECT saas.correct_usage(:'acme', 'a', 10, 'Tenfold'), saas.correct_usage(:'acme', 'a', 10, 'Tenfold');
SELECT saas.record_usage(:'acme', 'call', 100, 'a', '2026-01-10Z'), saas.record_usage(:'acme', 'call', 10, 'a', '2026-01-10Z');
SET SESSION AUTHORIZATION saas_owner;
TABLE totals;
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.void_usage(:'acme', 'a', 'A test'), saas.void_usage(:'acme', 'a', 'A test'), saas.correct_usage(:'acme', 'a', 0, 'Nothing is not void');
SELECT saas.correct_usage(:'acme', 'a', 200, 'No test, and it was more'), saas.correct_usage(:'acme', 'b', 1, 'As it is');
SELECT saas.roll_up_usage('2026-01-01');
SET SESSION AUTHORIZATION saas_owner;
TABLE totals;
SELECT s.units_used FROM saas.usage_summaries s WHERE tenant_id = :'acme';

-- A maximum and a last value go by the events that are left, also folded, in other slots, and when nothing is left.
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.record_usage(:'acme', f, 5, f || ' 1', '2026-01-05Z'), saas.record_usage(:'acme', f, 9, f || ' 2', '2026-01-20Z'),
       saas.record_usage(:'acme', f, 7, f || ' 3', '2026-01-12Z') FROM unnest(ARRAY['peak', 'seat']) f;
SELECT saas.roll_up_usage('2026-01-01');
SELECT saas.record_usage(:'acme', f, 100, f || ' in February', '2026-02-12Z'), saas.record_usage(:'acme', f, 6, NULL, '2026-01-07Z') FROM unnest(ARRAY['peak', 'seat']) f;
SELECT saas.void_usage(:'acme', f || ' 2', 'Not ours') FROM unnest(ARRAY['peak', 'seat']) f;
SET SESSION AUTHORIZATION saas_owner;
TABLE totals;
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.correct_usage(:'acme', f || ' 3', 0, 'None') FROM unnest(ARRAY['peak', 'seat']) f;
SET SESSION AUTHORIZATION saas_owner;
SELECT * FROM totals WHERE feature_key IN ('peak', 'seat');
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.void_usage(:'acme', f || ' 3', 'None') FROM unnest(ARRAY['peak', 'seat']) f;
SET SESSION AUTHORIZATION saas_owner;
SELECT * FROM totals WHERE feature_key IN ('peak', 'seat');
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.void_usage(:'acme', f || ' in February', 'None') FROM unnest(ARRAY['peak', 'seat']) f;
SET SESSION AUTHORIZATION saas_owner;
SELECT * FROM totals WHERE feature_key IN ('peak', 'seat');
SET SESSION AUTHORIZATION saas_worker;
-- What comes after that counts as always.
SELECT saas.record_usage(:'acme', f, 2, NULL, '2026-02-01Z') FROM unnest(ARRAY['peak', 'seat']) f;
SELECT saas.roll_up_usage('2026-02-01');
SET SESSION AUTHORIZATION saas_owner;
SELECT * FROM totals WHERE feature_key IN ('peak', 'seat');
SELECT event_id, number, feature_key, period, units_before, units, reason FROM saas.usage_corrections ORDER BY tenant_id, id;

-- What is refused, and leaves nothing.
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.void_usage(:'acme', 'unknown', 'No');
SELECT saas.void_usage(gen_random_uuid(), 'a', 'No');
SELECT saas.correct_usage(:'acme', 'a', -1, 'No');
SELECT saas.correct_usage(:'acme', 'a', 1, ' ');
SELECT saas.void_usage(:'acme', 'a', '');
\set VERBOSITY sqlstate
SELECT saas.void_usage(:'globex', 'b', 'Of another');
SELECT saas.void_usage(:'acme', '', 'No');
SELECT saas.void_usage(:'acme', repeat('x', 1000000), 'No');
SELECT saas.correct_usage(NULL, 'a', 1, 'No');
SELECT saas.correct_usage(:'acme', NULL, 1, 'No');
SELECT saas.correct_usage(:'acme', 'a', NULL, 'No');
SELECT saas.correct_usage(:'acme', 'a', 1, NULL);
SELECT saas.void_usage(NULL, 'a', 'No');
SELECT saas.void_usage(:'acme', NULL, 'No');
SELECT saas.void_usage(:'acme', 'a', NULL);
SELECT saas.correct_usage(:'acme', 'a', 9223372036854775807, 'Too many beside b');
-- Only workers, and people of the platform who adjust bills, outside of any tenant.
SET SESSION AUTHORIZATION saas_gateway;
SELECT saas.void_usage(:'acme', 'a', 'No');
SET SESSION AUTHORIZATION saas_app;
SELECT saas.correct_usage(:'acme', 'a', 1, 'No');
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.void_usage(:'acme', 'a', 'No');
BEGIN;
SELECT saas.begin_request(:'ada_token') = :'ada';
SELECT saas.void_usage(:'acme', 'a', 'No');
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root';
SELECT saas.correct_usage(:'globex', 'a', 40, 'Ticket 12'), saas.void_usage(:'globex', 'a', 'Ticket 13');
SELECT count(*) FROM saas.usage_corrections;
COMMIT;
-- It is in the log, with who it was; and nobody rewrites it.
SET SESSION AUTHORIZATION saas_owner;
SELECT action, actor_id = :'root' AS by_root, tenant_id = :'globex' AS of_globex, new_values ->> 'units' AS units, new_values ->> 'reason' AS reason
  FROM saas.platform_audit_logs WHERE target_type = 'usage_corrections' AND actor_id IS NOT NULL ORDER BY id;
UPDATE saas.usage_corrections SET units = 1;
DELETE FROM saas.usage_corrections;
TRUNCATE saas.usage_corrections;
INSERT INTO saas.usage_corrections (tenant_id, event_id, recorded_at, number, feature_key, period, units_before, units, reason)
SELECT tenant_id, event_id, recorded_at, number, feature_key, period, 3, 4, 'Twice' FROM saas.usage_corrections LIMIT 1;
-- The tenant's people who see its bills see it.
SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request(:'ada_token', :'acme') = :'ada';
SELECT count(*), count(*) FILTER (WHERE tenant_id <> :'acme') AS of_others FROM saas.usage_corrections;
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'mia_token', :'acme') = :'mia';
SELECT count(*) FROM saas.usage_corrections;
ROLLBACK;

-- What a correction takes back, consume may use: of a limit, and of a spend cap.
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.consume(:'acme', 'scan', 10, 's1');
SELECT saas.consume(:'acme', 'scan', 4, 's2');
SELECT saas.correct_usage(:'acme', 's1', 6, 'Four failed'), saas.consume(:'acme', 'scan', 4, 's2');
SELECT saas.consume(:'acme', 'scan', 1, 's3');
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.set_spend_cap(:'acme', 10);
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.consume(:'acme', 'call', 12, 'c1');
SELECT saas.consume(:'acme', 'call', 1, 'c2');
SELECT saas.void_usage(:'acme', 'c1', 'Failed'), saas.consume(:'acme', 'call', 12, 'c2');
-- A retry of what was taken back is no new event for it either.
SELECT saas.consume(:'acme', 'call', 12, 'c1');

-- A counter that is beyond what can be counted is mended so; one that somebody made too small is refused.
SET SESSION AUTHORIZATION saas_owner;
UPDATE saas.settings SET usage_slots = 8;
INSERT INTO saas.usage_counter_slots (tenant_id, feature_key, period, slot, units, last_at)
SELECT :'globex', 'call', '2026-01-01', n, 9223372036854775807, now() FROM generate_series(100, 101) n;
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.roll_up_usage('2026-01-01', :'globex');
SELECT saas.correct_usage(:'globex', 'a', 1, 'Still too many');
SET SESSION AUTHORIZATION saas_owner;
DELETE FROM saas.usage_counter_slots WHERE tenant_id = :'globex' AND slot = 101;
UPDATE saas.usage_counter_slots SET units = units - 10 WHERE tenant_id = :'globex' AND slot = 100;
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.record_usage(:'globex', 'call', 20, 'too many', '2026-01-15Z');
SELECT saas.roll_up_usage('2026-01-01', :'globex');
SELECT saas.void_usage(:'globex', 'too many', 'A slip'), saas.roll_up_usage('2026-01-01', :'globex');
SELECT saas.record_usage(:'globex', 'call', 20, 'tampered with', '2026-02-15Z');
SET SESSION AUTHORIZATION saas_owner;
UPDATE saas.usage_counter_slots SET units = 19 WHERE tenant_id = :'globex' AND period = '2026-02-01';
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.void_usage(:'globex', 'tampered with', 'A slip');
\set VERBOSITY default
SET SESSION AUTHORIZATION saas_owner;
SELECT * FROM totals WHERE name = 'Globex';

-- Once events were dropped, nothing is worked out from what is left of them; sums need none. Ids that are gone stand for nothing, and a new
-- event of the same id is another one, which an old correction is none of.
\set old 00000000-0000-7000-8000-00000000000a
INSERT INTO saas.tenants (id, name) VALUES (:'old', 'Old');
CREATE TABLE saas.usage_events_202001 PARTITION OF saas.usage_events FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z');
CREATE TABLE saas.usage_events_202002 PARTITION OF saas.usage_events FOR VALUES FROM ('2020-02-01Z') TO ('2020-03-01Z');
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at, recorded_at)
SELECT :'old', f, u, '2020-01-01', f || ' ' || u, '2020-01-10Z', '2020-01-10Z'::timestamptz + u * interval '5 days' FROM unnest(ARRAY['call', 'peak', 'seat']) f, unnest(ARRAY[2, 5]) u;
INSERT INTO saas.usage_event_keys (tenant_id, event_id, feature_key, units, occurred_at, recorded_at)
SELECT tenant_id, event_id, feature_key, units, occurred_at, recorded_at FROM saas.usage_events WHERE tenant_id = :'old';
INSERT INTO saas.usage_records (tenant_id, feature_key, period, count)
VALUES (:'old', 'call', '2020-01-01', 10), (:'old', 'peak', '2020-01-01', 5), (:'old', 'seat', '2020-01-01', 5);
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at, recorded_at) VALUES (:'old', 'call', 1, '2020-02-01', 'one', '2020-02-10Z', '2020-02-10Z');
SELECT saas.void_usage(:'old', 'peak 5', 'In time'), saas.void_usage(:'old', 'peak 2', 'In time'), saas.correct_usage(:'old', 'peak 5', 4, 'In time');
SELECT saas.drop_usage_events('2020-02-01Z');
SELECT usage_events_kept_since FROM saas.settings;
SELECT saas.correct_usage(:'old', 'peak 5', 1, 'Too late');
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, event_id, occurred_at, recorded_at)
SELECT :'old', f, 3, '2020-01-01', f || ' 3', '2020-01-10Z', '2020-02-10Z' FROM unnest(ARRAY['call', 'peak', 'seat']) f;
INSERT INTO saas.usage_event_keys (tenant_id, event_id, feature_key, units, occurred_at, recorded_at)
SELECT tenant_id, event_id, feature_key, units, occurred_at, recorded_at FROM saas.usage_events WHERE tenant_id = :'old' AND units = 3;
SELECT saas.void_usage(:'old', 'call 3', 'Late, but it adds up');
\set VERBOSITY sqlstate
SELECT saas.void_usage(:'old', 'call 2', 'The event is gone');
SELECT saas.void_usage(:'old', 'peak 3', 'Others are gone');
SELECT saas.void_usage(:'old', 'seat 3', 'Others are gone');
\set VERBOSITY default
SELECT feature_key, units FROM totals WHERE name = 'Old';
DELETE FROM saas.usage_event_keys WHERE tenant_id = :'old' AND event_id = 'peak 5';
SELECT saas.void_usage(:'old', 'peak 5', 'Its id is gone');
SELECT saas.record_usage(:'old', 'peak', 8, 'peak 5', '2026-01-10Z'), saas.void_usage(:'old', 'peak 5', 'Another one');
SELECT event_id, number, units_before, units FROM saas.usage_corrections WHERE tenant_id = :'old' AND event_id = 'peak 5' ORDER BY id;
SELECT saas.drop_usage_events('2020-03-01Z');
SELECT invariant, object, detail FROM saas.check_invariants();
