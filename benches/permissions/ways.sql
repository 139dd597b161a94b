-- What others do, in their manner: who is asking is in a claim of a JSON Web Token, which the API layer puts into a setting.
CREATE FUNCTION bench.uid() RETURNS uuid LANGUAGE sql STABLE
RETURN (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;

-- For policies that were tuned by hand: called once a query.
CREATE FUNCTION bench.permitted(permission text) RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT m.tenant_id
    FROM saas.tenant_members m
    JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
    JOIN saas.role_permissions rp ON rp.role_id = m.role_id
    JOIN saas.permissions p ON p.id = rp.permission_id
   WHERE m.user_id = bench.uid() AND p.key = permission
$$;
-- In the manner of basejump: an SQL function a row, which joins the tables.
CREATE FUNCTION bench.joins(tenant uuid, permission text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (
    SELECT FROM saas.tenant_members m
      JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
      JOIN saas.role_permissions rp ON rp.role_id = m.role_id
      JOIN saas.permissions p ON p.id = rp.permission_id
     WHERE m.tenant_id = tenant AND m.user_id = bench.uid() AND p.key = permission)
$$;
-- In the manner of supabase-tenant-rbac: a PL/pgSQL function a row, which looks into what was put into a setting beforehand.
CREATE FUNCTION bench.claims(tenant uuid, permission text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  groups jsonb := nullif(current_setting('request.groups', true), '')::jsonb;
BEGIN
  RETURN coalesce(groups -> tenant::text ? permission, false);
END $$;

CREATE ROLE bench_const LOGIN BYPASSRLS;
CREATE ROLE bench_setting LOGIN;
CREATE ROLE bench_array LOGIN;
CREATE ROLE bench_in LOGIN;
CREATE ROLE bench_ours LOGIN;
CREATE ROLE bench_joins LOGIN;
CREATE ROLE bench_claims LOGIN;
CREATE ROLE bench_plainest LOGIN;
SELECT saas.grant_access('bench_ours', 'app') \g /dev/null
SELECT saas.grant_access('bench_const', 'app') \g /dev/null

SELECT format('
  ALTER TABLE bench.%1$s ENABLE ROW LEVEL SECURITY;
  GRANT SELECT, INSERT, DELETE ON bench.%1$s TO bench_const, bench_setting, bench_array, bench_in, bench_ours, bench_joins, bench_claims;
  CREATE POLICY ours ON bench.%1$s TO bench_ours USING (saas.has_tenant_permission(tenant_id, ''project.create''));
  CREATE POLICY setting ON bench.%1$s TO bench_setting USING (tenant_id = current_setting(''request.tenant'')::uuid);
  CREATE POLICY tuned_array ON bench.%1$s TO bench_array USING (tenant_id = ANY (ARRAY(SELECT bench.permitted(''project.create''))));
  CREATE POLICY tuned_in ON bench.%1$s TO bench_in USING (tenant_id IN (SELECT bench.permitted(''project.create'')));
  CREATE POLICY joins ON bench.%1$s TO bench_joins USING (bench.joins(tenant_id, ''project.create''));
  CREATE POLICY claims ON bench.%1$s TO bench_claims USING (bench.claims(tenant_id, ''project.create''))', name)
  FROM unnest(ARRAY['documents', 'comments', 'notes']) name \gexec
-- What any policy costs: one that compares the column with a constant.
SELECT format('
  GRANT SELECT ON bench.documents TO bench_plainest;
  CREATE POLICY plainest ON bench.documents TO bench_plainest USING (tenant_id = %L)', id)
  FROM bench.tenants WHERE number = 0 \gexec
SELECT saas.grant_access('bench_plainest', 'app') \g /dev/null
GRANT USAGE ON SCHEMA bench TO PUBLIC;
GRANT SELECT ON bench.tenants TO PUBLIC;
GRANT INSERT ON ALL TABLES IN SCHEMA bench TO PUBLIC;

-- Who is asking, for all ways.
CREATE FUNCTION bench.enter(tenants integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  asking uuid := bench.user_id(100000 + tenants);
BEGIN
  PERFORM saas.begin_request_as(asking);
  PERFORM set_config('request.jwt.claims', jsonb_build_object('sub', asking)::text, true);
  PERFORM set_config('request.tenant', (SELECT id::text FROM bench.tenants WHERE number = 0), true);
  PERFORM set_config('request.groups', (
    SELECT jsonb_object_agg(m.tenant_id, (SELECT jsonb_agg(p.key) FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id
                                           WHERE rp.role_id = m.role_id))::text
      FROM saas.tenant_members m WHERE m.user_id = asking), true);
END $$;

-- Runs `query` for some milliseconds, at most so often, and takes down what one took: planned each time, as most clients send it, or
-- prepared once.
CREATE FUNCTION bench.measure(tenants integer, query_name text, way text, run integer, times integer, query text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
  ended timestamptz;
  runs integer := 0;
BEGIN
  PERFORM set_config('role', 'bench_' || way, true);
  began := clock_timestamp();
  LOOP
    EXECUTE query;
    runs := runs + 1;
    ended := clock_timestamp();
    EXIT WHEN runs = times OR ended > began + interval '8 ms';
  END LOOP;
  PERFORM set_config('role', 'none', true);
  INSERT INTO bench.results VALUES (tenants, query_name, way, run, 1000 * extract(epoch FROM ended - began) / runs);
END $$;
CREATE FUNCTION bench.measure_prepared(tenants integer, query_name text, way text, run integer, times integer, prepared regproc)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
  took float8;
BEGIN
  PERFORM set_config('role', 'bench_' || way, true);
  -- Twice before: the plan is made once for a role. The second says how often there is time for.
  EXECUTE format('SELECT %s(1)', prepared);
  began := clock_timestamp();
  EXECUTE format('SELECT %s(1)', prepared);
  times := greatest(1, least(times, 0.008 / greatest(extract(epoch FROM clock_timestamp() - began), 0.000001)));
  began := clock_timestamp();
  EXECUTE format('SELECT %s(%s)', prepared, times);
  took := 1000 * extract(epoch FROM clock_timestamp() - began) / times;
  PERFORM set_config('role', 'none', true);
  INSERT INTO bench.results VALUES (tenants, query_name, way, run, took);
END $$;

-- The first check of a backend and the plain query that answers the same question.
CREATE FUNCTION bench.check_plainly(asking uuid, tenant uuid, permission text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz := clock_timestamp();
  allowed boolean;
BEGIN
  allowed := EXISTS (
    SELECT FROM saas.tenant_members m
      JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
      JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
      JOIN saas.role_permissions rp ON rp.role_id = m.role_id
      JOIN saas.permissions p ON p.id = rp.permission_id
     WHERE m.tenant_id = tenant AND m.user_id = asking AND p.key = permission);
  ASSERT allowed;
  RETURN 1000 * extract(epoch FROM clock_timestamp() - began);
END $$;
CREATE FUNCTION bench.check_ours(tenant uuid, permission text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz := clock_timestamp();
  allowed boolean;
BEGIN
  allowed := saas.has_tenant_permission(tenant, permission);
  ASSERT allowed;
  RETURN 1000 * extract(epoch FROM clock_timestamp() - began);
END $$;
-- The plain query for all that the check loads: all his tenants, and what he may there.
CREATE FUNCTION bench.list_plainly(asking uuid) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz := clock_timestamp();
  rights uuid[];
BEGIN
  rights := ARRAY(
    SELECT m.tenant_id
      FROM saas.tenant_members m
      JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
      JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
      JOIN saas.role_permissions rp ON rp.role_id = m.role_id
      JOIN saas.permissions p ON p.id = rp.permission_id
     WHERE m.user_id = asking AND p.key = 'project.create');
  ASSERT cardinality(rights) > 0;
  RETURN 1000 * extract(epoch FROM clock_timestamp() - began);
END $$;
-- A change of this user's membership, and what the next check takes.
CREATE PROCEDURE bench.check_again(tenants integer, times integer) LANGUAGE plpgsql AS $$
DECLARE
  asking uuid := bench.user_id(100000 + tenants);
  first uuid := (SELECT id FROM bench.tenants WHERE number = 0);
BEGIN
  FOR n IN 1..2 * times LOOP
    UPDATE saas.tenant_members SET role_id = role_id WHERE user_id = asking AND tenant_id = first;
    COMMIT;
    PERFORM saas.begin_request_as(asking, CASE WHEN n % 2 = 0 THEN first END);
    IF n % 2 = 0 THEN
      -- What begin_request has loaded is forgotten once more.
      UPDATE saas.tenant_members SET role_id = role_id WHERE user_id = asking AND tenant_id = first;
    END IF;
    INSERT INTO bench.cold VALUES (format('again, %s tenants%s: ours', tenants, CASE WHEN n % 2 = 0 THEN ', bound' END),
                                   bench.check_ours(first, 'project.create'));
    INSERT INTO bench.cold VALUES (format('again, %s tenants: plain', tenants), bench.check_plainly(asking, first, 'project.create'));
    INSERT INTO bench.cold VALUES (format('again, %s tenants: list', tenants), bench.list_plainly(asking));
    COMMIT;
  END LOOP;
END $$;

-- A right that comes and goes, and somebody who asks all the time.
CREATE PROCEDURE bench.revoke_and_grant(times integer) LANGUAGE plpgsql AS $$
DECLARE
  asking uuid := bench.user_id(100001);
  first uuid := (SELECT id FROM bench.tenants WHERE number = 0);
  role uuid := (SELECT id FROM saas.roles WHERE key = 'tenant_member');
  revoked timestamptz;
BEGIN
  FOR n IN 1..times LOOP
    DELETE FROM saas.tenant_members WHERE user_id = asking;
    COMMIT;
    revoked := clock_timestamp();
    PERFORM pg_sleep(0.004);
    INSERT INTO bench.revoked VALUES (revoked, clock_timestamp());
    INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) VALUES (first, asking, role);
    COMMIT;
    PERFORM pg_sleep(0.004);
  END LOOP;
END $$;
CREATE PROCEDURE bench.ask_until(stop timestamptz) LANGUAGE plpgsql AS $$
DECLARE
  asking uuid := bench.user_id(100001);
  first uuid := (SELECT id FROM bench.tenants WHERE number = 0);
  began timestamptz;
  allowed boolean;
BEGIN
  LOOP
    -- A statement begins with its transaction here: that is when a session hears of others' commits.
    began := clock_timestamp();
    EXIT WHEN began > stop;
    COMMIT;
    PERFORM saas.begin_request_as(asking);
    allowed := saas.has_tenant_permission(first, 'project.create');
    INSERT INTO bench.asked VALUES (began, clock_timestamp(), allowed);
  END LOOP;
END $$;
VACUUM ANALYZE;
