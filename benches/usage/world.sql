-- A thousand tenants and three features; beside saas's tables plain ones with the same columns, indexes and constraints.
-- The plain counter is one row, as one writes it first.
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('bench', 'Bench', 0, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT p.id, 'feature ' || n, 1000, 1 FROM saas.plans p, generate_series(1, 3) n WHERE p.key = 'bench';
INSERT INTO saas.tenants (id, name)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Tenant ' || n FROM generate_series(1, 1000) n;
SELECT count(saas.subscribe(id, 'bench', 1, date_trunc('month', now()))) FROM saas.tenants;
SELECT saas.grant_access('saas_worker'::regrole, 'worker');

CREATE SCHEMA plain;
CREATE TABLE plain.keys (LIKE saas.usage_event_keys INCLUDING ALL, FOREIGN KEY (tenant_id) REFERENCES saas.tenants ON DELETE CASCADE);
CREATE TABLE plain.events (LIKE saas.usage_events INCLUDING ALL) PARTITION BY RANGE (recorded_at);
CREATE TABLE plain.events_default PARTITION OF plain.events DEFAULT;
CREATE TABLE plain.counters (
  tenant_id   uuid NOT NULL REFERENCES saas.tenants ON DELETE CASCADE,
  feature_key text NOT NULL REFERENCES saas.features,
  period      date NOT NULL,
  units       bigint NOT NULL CHECK (units >= 0),
  last_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, feature_key, period)
) WITH (fillfactor = 50);

-- Arrays as an application sends them. Each time they are sent they get new ids: # is replaced.
CREATE SCHEMA bench;
CREATE TABLE bench.batches (size integer, n integer, tenant_ids uuid[], feature_keys text[], units bigint[], ids text, PRIMARY KEY (size, n));
INSERT INTO bench.batches
SELECT size, n, e.* FROM unnest(ARRAY[100, 1000, 10000, :bulk]) AS size, generate_series(1, 4) n
 CROSS JOIN LATERAL (
   SELECT array_agg(('00000000-0000-7000-8000-' || lpad((1 + floor(1000 * random()))::text, 12, '0'))::uuid),
          array_agg('feature ' || 1 + floor(3 * random())::integer), array_agg((1 + floor(5 * random()))::bigint),
          string_agg(substr(md5(random()::text), 1, 12) || '-#', ',')
     FROM generate_series(1, size) i WHERE n > 0
 ) e
 WHERE size <= 10000 OR n = 1;
GRANT USAGE ON SCHEMA bench TO saas_worker;
GRANT SELECT ON bench.batches TO saas_worker;
-- 1,000 tenants' keys are there already: nobody begins with an empty index.
INSERT INTO plain.keys (tenant_id, event_id, feature_key, units, occurred_at)
SELECT id, gen_random_uuid(), 'feature 1', 1, now() FROM saas.tenants, generate_series(1, :events / 1000);
INSERT INTO saas.usage_event_keys (tenant_id, event_id, feature_key, units, occurred_at)
SELECT tenant_id, event_id, feature_key, units, occurred_at FROM plain.keys;
VACUUM ANALYZE;
CHECKPOINT;
