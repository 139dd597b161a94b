-- Trigger functions that tables of several domains share, and the partitions.

-- Arguments: the table as saas.state_transitions names it, and its status column. Triggers call it
-- only when the column changes. (Citus renames tables, hence the first argument.)
CREATE FUNCTION saas.enforce_state_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old_state text := to_jsonb(OLD) ->> TG_ARGV[1];
  new_state text := to_jsonb(NEW) ->> TG_ARGV[1];
  legal     text;
BEGIN
  IF EXISTS (SELECT FROM saas.state_transitions t
              WHERE t.entity = TG_ARGV[0] AND t.from_state = old_state AND t.to_state = new_state) THEN
    RETURN NEW;
  END IF;
  SELECT string_agg(t.to_state, ', ' ORDER BY t.to_state) INTO legal
    FROM saas.state_transitions t
   WHERE t.entity = TG_ARGV[0] AND t.from_state = old_state;
  RAISE EXCEPTION '% can''t move from % to %', TG_ARGV[0], old_state, new_state
    USING ERRCODE = 'object_not_in_prerequisite_state',
          HINT = CASE WHEN legal IS NULL THEN format('%s is final.', old_state)
                      ELSE format('From %s it may move to: %s.', old_state, legal) END;
END $$;
COMMENT ON FUNCTION saas.enforce_state_transition() IS 'A status moves as saas.state_transitions says.';

-- Argument: the table's name for the message; partitions have other names.
CREATE FUNCTION saas.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_ARGV[0], TG_OP
    USING ERRCODE = 'object_not_in_prerequisite_state',
          HINT = 'Write a new row that corrects the old one.';
END $$;
COMMENT ON FUNCTION saas.refuse_change() IS 'Keeps a table append-only.';

-- Argument: the column that names the tenant; tenant_id without one.
CREATE FUNCTION saas.keep_tenant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  moves boolean;
BEGIN
  IF TG_NARGS = 0 THEN
    moves := NEW.tenant_id IS DISTINCT FROM OLD.tenant_id;
  ELSE
    moves := to_jsonb(NEW) -> TG_ARGV[0] IS DISTINCT FROM to_jsonb(OLD) -> TG_ARGV[0];
  END IF;
  IF moves THEN
    RAISE EXCEPTION 'a row of % can''t move to another tenant', TG_TABLE_NAME
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Delete it and insert a new one there.';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.keep_tenant() IS 'A row never moves to another tenant.';

CREATE FUNCTION saas.touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.touch_updated_at() IS 'Sets updated_at.';

-- What saas.make_partitions does, as the data owner.
CREATE FUNCTION saas.add_partitions(ahead integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  this_month timestamptz := date_trunc('month', now());
  parent     record;
  month      record;
  partition  record;
  made       integer := 0;
BEGIN
  IF ahead IS NULL OR ahead NOT BETWEEN 0 AND 120 THEN
    RAISE EXCEPTION 'ahead is a number of months from 0 to 120' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR parent IN
    SELECT * FROM (VALUES ('platform_audit_logs', 'occurred_at'),
                          ('usage_events', 'recorded_at')) AS p (name, key)
  LOOP
    -- One at a time: another session may be at the same.
    EXECUTE format('LOCK TABLE saas.%I IN SHARE UPDATE EXCLUSIVE MODE', parent.name);
    IF to_regclass(format('saas.%I', parent.name || '_default')) IS NULL THEN
      EXECUTE format('CREATE TABLE saas.%I PARTITION OF saas.%I DEFAULT', parent.name || '_default', parent.name);
      made := made + 1;
    END IF;
    FOR month IN
      SELECT parent.name || to_char(start, '"_"YYYYMM') AS name, start, start + interval '1 month' AS "end"
        FROM generate_series(this_month, this_month + make_interval(months => ahead), '1 month') AS start
    LOOP
      CONTINUE WHEN to_regclass(format('saas.%I', month.name)) IS NOT NULL;
      BEGIN
        EXECUTE format('CREATE TABLE saas.%I PARTITION OF saas.%I FOR VALUES FROM (%L) TO (%L)',
                       month.name, parent.name, month.start, month."end");
        made := made + 1;
      EXCEPTION WHEN check_violation THEN
        NULL; -- rows of this month are in the default partition already: they stay there
      END;
    END LOOP;
    -- Row triggers come with the partition, statement triggers and row-level security don't.
    FOR partition IN
      SELECT c.relname AS name, c.relrowsecurity AS secured, t.tgenabled AS guarded
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'trg_refuse_truncate'
       WHERE i.inhparent = format('saas.%I', parent.name)::regclass
    LOOP
      IF NOT partition.secured THEN
        EXECUTE format('ALTER TABLE saas.%I ENABLE ROW LEVEL SECURITY', partition.name);
      END IF;
      IF partition.guarded IS NULL THEN
        EXECUTE format('CREATE TRIGGER trg_refuse_truncate BEFORE TRUNCATE ON saas.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION saas.refuse_change(%L)', partition.name, parent.name);
      END IF;
      IF partition.guarded IS DISTINCT FROM 'A' THEN
        EXECUTE format('ALTER TABLE saas.%I ENABLE ALWAYS TRIGGER trg_refuse_truncate', partition.name);
      END IF;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
COMMENT ON FUNCTION saas.add_partitions(integer) IS 'Internal: what saas.make_partitions does, as the data owner.';
