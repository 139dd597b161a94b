SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE TABLE documents (tenant_id uuid NOT NULL, id bigint NOT NULL, title text, PRIMARY KEY (tenant_id, id));
INSERT INTO saas.users (id, email) VALUES ('00000000-0000-0000-0000-000000000001', 'ann@example.com');
INSERT INTO saas.tenants (name) SELECT 'Tenant ' || i FROM generate_series(1, 1000) i;
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT t.id, '00000000-0000-0000-0000-000000000001', r.id
  FROM (SELECT id FROM saas.tenants ORDER BY id LIMIT 20) t, saas.roles r WHERE r.key = 'tenant_member';
INSERT INTO documents SELECT t.id, i, 'Title ' || i FROM saas.tenants t, generate_series(1, 1000) i;
-- What most projects write: a function a row that joins the tables.
CREATE FUNCTION joins_per_row(tenant uuid, permission text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM saas.tenant_members m
                   JOIN saas.role_permissions rp ON rp.role_id = m.role_id
                   JOIN saas.permissions p ON p.id = rp.permission_id
                  WHERE m.tenant_id = tenant AND m.user_id = '00000000-0000-0000-0000-000000000001' AND p.key = permission)
$$;
VACUUM ANALYZE;

CREATE TABLE results (ordinal integer, way text, ms numeric);
CREATE PROCEDURE measure(ordinal integer, way text, condition text, runs integer) LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
  counted bigint;
BEGIN
  FOR run IN 0..runs LOOP
    began := clock_timestamp();
    EXECUTE 'SELECT count(*) FROM documents WHERE ' || condition INTO counted;
    IF run > 0 THEN -- the first warms up
      INSERT INTO results VALUES (ordinal, way, 1000 * extract(epoch FROM clock_timestamp() - began));
    END IF;
  END LOOP;
END $$;

BEGIN;
SELECT saas.begin_request_as('00000000-0000-0000-0000-000000000001') \g /dev/null
CALL measure(1, 'hand-tuned: = ANY (ARRAY(SELECT …))',
  'tenant_id = ANY (ARRAY(SELECT unnest(saas.permitted_tenant_ids(''project.create''))))', 5);
CALL measure(2, 'tenant_id = const, sequential scan', 'tenant_id || '''' = ''00000000-0000-0000-0000-000000000000''', 5);
CALL measure(3, 'saas.has_tenant_permission, naive', 'saas.has_tenant_permission(tenant_id, ''project.create'')', 5);
CALL measure(4, 'SQL function with joins a row', 'joins_per_row(tenant_id, ''project.create'')', 1);
COMMIT;

\pset footer off
SELECT way, round(median, 1) AS "median ms", round(median / min(median) OVER (), 1) AS "times the fastest"
  FROM (SELECT ordinal, way, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric AS median
          FROM results GROUP BY ordinal, way) r
 ORDER BY ordinal;
