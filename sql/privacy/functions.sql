-- What a user agreed to is never overwritten. Withdrawal is the one change, and happens once.
CREATE FUNCTION saas.protect_consent() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL
       AND to_jsonb(NEW) - 'withdrawn_at' = to_jsonb(OLD) - 'withdrawn_at' THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'user_consents keeps what was agreed: % is refused', TG_OP
    USING ERRCODE = 'object_not_in_prerequisite_state',
          HINT = 'Withdraw the consent, once, and record a new one.';
END $$;
COMMENT ON FUNCTION saas.protect_consent() IS 'What a user agreed to is never overwritten; it is withdrawn once.';

-- Nobody new is tied to an erased person. The lock is the one that the foreign key takes anyway, taken before
-- its row is looked at: who comes while an erasure runs waits for its end and then sees it; who was first is
-- waited for, and erased with the rest. Argument: the column that names the user.
CREATE FUNCTION saas.refuse_erased_user() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  person uuid := (to_jsonb(NEW) ->> TG_ARGV[0])::uuid;
BEGIN
  PERFORM FROM saas.users WHERE id = person AND deleted_at IS NULL FOR KEY SHARE;
  -- Whom nobody knows is left to the foreign key.
  IF NOT FOUND AND EXISTS (SELECT FROM saas.users WHERE id = person) THEN
    RAISE EXCEPTION 'User % was erased', person USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.refuse_erased_user() IS 'Nobody new is tied to an erased person.';

-- The table that a row of the registry names: of this schema, or with its schema. Only what belongs to the
-- data owner for good, because statements with his rights run on it.
CREATE FUNCTION saas.registered_table(table_name text) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  parts text[] := parse_ident(table_name);
  found regclass;
BEGIN
  IF cardinality(parts) = 1 THEN
    parts := ARRAY['saas'] || parts;
  END IF;
  SELECT c.oid INTO found
    FROM pg_class c
   WHERE c.relname = parts[2] AND c.relnamespace = to_regnamespace(quote_ident(parts[1])) AND cardinality(parts) = 2
     AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
     AND c.relowner = (SELECT relowner FROM pg_class WHERE oid = 'saas.tenants'::regclass);
  IF found IS NULL THEN
    RAISE EXCEPTION 'personal_data_registry: "%" is no table of the data owner', table_name
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Name it with its schema, or give it to the owner of the saas tables.';
  END IF;
  RETURN found;
END $$;
COMMENT ON FUNCTION saas.registered_table(text) IS 'Internal: the table that a row of the registry names; 55000 for one that is not the data owner''s.';

-- The type of a column that the registry names.
CREATE FUNCTION saas.registered_type(registered regclass, column_name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found text;
BEGIN
  SELECT format_type(a.atttypid, a.atttypmod) INTO found
    FROM pg_attribute a
   WHERE a.attrelid = registered AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
  IF found IS NULL THEN
    RAISE EXCEPTION 'personal_data_registry: % has no column "%"', registered, column_name
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  RETURN found;
END $$;
COMMENT ON FUNCTION saas.registered_type(regclass, text) IS 'Internal: the type of a column that a row of the registry names; 55000 when it is not there.';

-- The condition on rows t of a table that are about the user with id $1 and address $2.
CREATE FUNCTION saas.about_person(registered regclass, user_column text, email_column text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT concat_ws(' OR ',
    CASE WHEN user_column IS NOT NULL
         THEN format('t.%I = $1::text::%s', user_column, saas.registered_type(registered, user_column)) END,
    CASE WHEN email_column IS NOT NULL AND saas.registered_type(registered, email_column) IS NOT NULL
         THEN format('lower(t.%I::text) = lower($2)', email_column) END)
$$;
COMMENT ON FUNCTION saas.about_person(regclass, text, text) IS 'Internal: the condition on rows of a table that are about a person, as SQL.';

-- What anonymize puts into a column, as SQL; whose is SQL text for the user's id.
CREATE FUNCTION saas.anonymous_value(registered regclass, column_name text, replacement text, whose text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN replacement IS NULL THEN format('NULL::%s', saas.registered_type(registered, column_name))
              ELSE format('replace(%L, ''{user_id}'', %s)::%s', replacement, whose, saas.registered_type(registered, column_name)) END
$$;
COMMENT ON FUNCTION saas.anonymous_value(regclass, text, text, text) IS 'Internal: what anonymize puts into a column, as SQL.';

-- Everything that the registry knows of a person, by table and purpose: what is registered, and for orientation
-- the rows' keys and times. Secrets never. Portability (GDPR Art. 20) is about what rests on consent or contract.
CREATE FUNCTION saas.collect_personal_data(person uuid, portable boolean, secrets text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off SET timezone = 'UTC' AS $$
DECLARE
  address text := (SELECT email FROM saas.users WHERE id = person);
  collected jsonb := jsonb '{}';
  registered regclass;
  part record;
  shown text;
  sorting text;
  found jsonb;
BEGIN
  FOR part IN
    SELECT r.table_name, r.purpose, r.user_column, r.email_column,
           array_agg(r.column_name) FILTER (WHERE r.category <> 'credentials') AS names,
           jsonb_object_agg(r.column_name, jsonb_strip_nulls(jsonb_build_object(
             'category', r.category, 'legal_basis', r.legal_basis, 'retention', r.retention, 'kept_under', r.duty))) AS meaning
      FROM saas.personal_data_registry r
     WHERE coalesce(r.user_column, r.email_column) IS NOT NULL
       AND (NOT portable OR r.legal_basis IN ('consent', 'contract'))
     GROUP BY r.table_name, r.purpose, r.user_column, r.email_column
     ORDER BY r.table_name, r.purpose, r.user_column, r.email_column
  LOOP
    registered := saas.registered_table(part.table_name);
    PERFORM saas.registered_type(registered, name) FROM unnest(part.names) AS name;
    SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attnum),
           string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attnum = ANY (k.key))
      INTO shown, sorting
      FROM pg_attribute a
      LEFT JOIN (SELECT i.indrelid, i.indkey::int2[] AS key FROM pg_index i WHERE i.indisprimary) k ON k.indrelid = a.attrelid
     WHERE a.attrelid = registered AND a.attnum > 0 AND NOT a.attisdropped
       AND (a.attname = ANY (part.names) OR a.attnum = ANY (k.key) OR a.attname = 'id' OR a.atttypid = 'timestamptz'::regtype)
       AND a.attname <> ALL (secrets) AND part.table_name || '.' || a.attname <> ALL (secrets);
    CONTINUE WHEN shown IS NULL;
    EXECUTE format('SELECT jsonb_agg(to_jsonb(found)) FROM (SELECT %s FROM %s t WHERE %s ORDER BY %s) found',
                   shown, registered, saas.about_person(registered, part.user_column, part.email_column), coalesce(sorting, '1'))
       INTO found USING person, address;
    CONTINUE WHEN found IS NULL;
    collected := jsonb_set(collected, ARRAY[part.table_name], coalesce(collected -> part.table_name, '{}'));
    collected := jsonb_set(collected, ARRAY[part.table_name, part.purpose], jsonb_build_object(
      'columns', coalesce(collected #> ARRAY[part.table_name, part.purpose, 'columns'], '{}') || part.meaning,
      'rows', coalesce(collected #> ARRAY[part.table_name, part.purpose, 'rows'], '[]') || found));
  END LOOP;
  RETURN collected;
END $$;
COMMENT ON FUNCTION saas.collect_personal_data(uuid, boolean, text[]) IS 'Internal: what saas.export_personal_data hands out, by table and purpose.';

-- Tables from which rows are deleted by the registry; the smaller the depth, the sooner: rows that others refer
-- to go after those.
CREATE FUNCTION saas.deletion_order() RETURNS TABLE (registered regclass, depth integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE doomed (registered) AS (
    SELECT DISTINCT saas.registered_table(r.table_name) FROM saas.personal_data_registry r WHERE r.on_erasure = 'delete'
  ), path (registered, depth) AS (
    SELECT d.registered, 0 FROM doomed d
    UNION ALL
    SELECT c.confrelid::regclass, p.depth + 1
      FROM path p JOIN pg_constraint c ON c.contype = 'f' AND c.conrelid = p.registered AND c.confrelid <> c.conrelid
     WHERE c.confrelid IN (SELECT d.registered FROM doomed d)
  ) CYCLE registered SET is_cycle USING trail
  SELECT p.registered, max(p.depth) FROM path p GROUP BY p.registered
$$;
COMMENT ON FUNCTION saas.deletion_order() IS 'Internal: in which order rows are deleted by the registry.';

-- Does to a person's data what the registry says, and tells how many rows of which table.
CREATE FUNCTION saas.erase_personal_data(person uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
  address text := (SELECT email FROM saas.users WHERE id = person);
  deleted jsonb := jsonb '{}';
  anonymized jsonb := jsonb '{}';
  kept jsonb := jsonb '[]';
  left_alone jsonb;
  part record;
  touched bigint;
  condition text;
BEGIN
  -- Rows that others refer to go after those.
  FOR part IN
    SELECT r.*, o.depth
      FROM (SELECT DISTINCT r.table_name, r.user_column, r.email_column, saas.registered_table(r.table_name) AS registered
              FROM saas.personal_data_registry r
             WHERE r.on_erasure = 'delete' AND coalesce(r.user_column, r.email_column) IS NOT NULL) r
      JOIN saas.deletion_order() o ON o.registered = r.registered
     WHERE r.registered <> 'saas.users'::regclass
     ORDER BY o.depth, r.table_name, r.user_column, r.email_column
  LOOP
    condition := saas.about_person(part.registered, part.user_column, part.email_column);
    EXECUTE format('DELETE FROM %s t WHERE %s', part.registered, condition) USING person, address;
    GET DIAGNOSTICS touched = ROW_COUNT;
    deleted := deleted || jsonb_build_object(part.table_name, touched + coalesce((deleted ->> part.table_name)::bigint, 0));
    EXECUTE format('SELECT count(*) FROM %s t WHERE %s', part.registered, condition) INTO touched USING person, address;
    IF touched > 0 THEN
      RAISE EXCEPTION '% rows of % are still there: a trigger or rule keeps them', touched, part.table_name
        USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
  END LOOP;

  FOR part IN
    SELECT r.table_name, r.user_column, r.email_column, t.registered,
           string_agg(format('%I = %s', r.column_name,
                             saas.anonymous_value(t.registered, r.column_name, r.replacement, '$1::text')), ', ') AS changes
      FROM saas.personal_data_registry r, saas.registered_table(r.table_name) AS t (registered)
     WHERE (r.on_erasure = 'anonymize' OR r.on_erasure = 'delete' AND t.registered = 'saas.users'::regclass)
       AND coalesce(r.user_column, r.email_column) IS NOT NULL
     GROUP BY r.table_name, r.user_column, r.email_column, t.registered
     ORDER BY r.table_name, r.user_column, r.email_column
  LOOP
    EXECUTE format('UPDATE %s t SET %s WHERE %s', part.registered, part.changes,
                   saas.about_person(part.registered, part.user_column, part.email_column)) USING person, address;
    GET DIAGNOSTICS touched = ROW_COUNT;
    anonymized := anonymized || jsonb_build_object(part.table_name, touched + coalesce((anonymized ->> part.table_name)::bigint, 0));
  END LOOP;

  FOR part IN
    SELECT r.table_name, r.user_column, r.email_column, r.duty, array_agg(r.column_name ORDER BY r.column_name) AS columns
      FROM saas.personal_data_registry r
     WHERE r.on_erasure = 'keep'
     GROUP BY r.table_name, r.user_column, r.email_column, r.duty
     ORDER BY r.table_name, r.user_column, r.email_column, r.duty
  LOOP
    touched := NULL;
    IF coalesce(part.user_column, part.email_column) IS NOT NULL THEN
      EXECUTE format('SELECT count(*) FROM %s t WHERE %s', saas.registered_table(part.table_name),
                     saas.about_person(saas.registered_table(part.table_name), part.user_column, part.email_column))
         INTO touched USING person, address;
      CONTINUE WHEN touched = 0;
    END IF;
    kept := kept || jsonb_strip_nulls(jsonb_build_object(
      'table', part.table_name, 'columns', part.columns, 'duty', part.duty, 'rows', touched));
  END LOOP;

  -- What names nobody by itself goes with time.
  SELECT coalesce(jsonb_agg(r.table_name || '.' || r.column_name ORDER BY r.table_name, r.column_name), '[]') INTO left_alone
    FROM saas.personal_data_registry r
   WHERE r.on_erasure <> 'keep' AND coalesce(r.user_column, r.email_column) IS NULL;
  RETURN jsonb_build_object('deleted', deleted, 'anonymized', anonymized, 'kept', kept, 'left_to_retention', left_alone);
END $$;
COMMENT ON FUNCTION saas.erase_personal_data(uuid) IS 'Internal: what saas.erase_user does to the tables that the registry names.';

-- What the registry keeps for a time only, and that time is over; counts the rows. A row goes when every rule of its
-- table is over: one that keeps under a duty, or has no end, keeps the row. What is to go sooner is anonymized.
CREATE FUNCTION saas.apply_registry(as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off SET timezone = 'UTC' AS $$
DECLARE
  part record;
  touched bigint;
  total bigint := 0;
BEGIN
  FOR part IN
    SELECT o.depth, o.registered,
           string_agg(DISTINCT format('t.%I < $1 - %L::interval', r.time_column, r.retention), ' AND ')
             FILTER (WHERE r.time_column IS NOT NULL) AS is_over
      FROM saas.deletion_order() o
      JOIN saas.personal_data_registry r ON saas.registered_table(r.table_name) = o.registered
     WHERE r.on_erasure <> 'anonymize' AND o.registered <> 'saas.users'::regclass
     GROUP BY o.depth, o.registered
    HAVING bool_and(CASE WHEN num_nulls(r.retention, r.time_column) = 0 THEN saas.registered_type(o.registered, r.time_column) IS NOT NULL ELSE false END)
     ORDER BY o.depth, o.registered::text
  LOOP
    EXECUTE format('DELETE FROM %s t WHERE %s', part.registered, part.is_over) USING as_of;
    GET DIAGNOSTICS touched = ROW_COUNT;
    total := total + touched;
  END LOOP;
  FOR part IN
    SELECT t.registered, r.time_column, r.retention, string_agg(format('%I = %s', r.column_name, v.value), ', ') AS changes,
           string_agg(format('t.%I::text IS DISTINCT FROM (%s)::text', r.column_name, v.value), ' OR ') AS is_there
      FROM saas.personal_data_registry r, saas.registered_table(r.table_name) AS t (registered),
           saas.anonymous_value(t.registered, r.column_name, r.replacement,
                                coalesce(format('coalesce(t.%I::text, '''')', r.user_column), '''''')) AS v (value)
     WHERE (r.on_erasure = 'anonymize' OR r.on_erasure = 'delete' AND t.registered = 'saas.users'::regclass)
       AND CASE WHEN num_nulls(r.retention, r.time_column) = 0 THEN saas.registered_type(t.registered, r.time_column) IS NOT NULL ELSE false END
     GROUP BY t.registered, r.time_column, r.retention
     ORDER BY t.registered::text, r.time_column, r.retention
  LOOP
    EXECUTE format('UPDATE %s t SET %s WHERE t.%I < $1 - $2 AND (%s)', part.registered, part.changes, part.time_column, part.is_there)
      USING as_of, part.retention;
    GET DIAGNOSTICS touched = ROW_COUNT;
    total := total + touched;
  END LOOP;
  RETURN total;
END $$;
COMMENT ON FUNCTION saas.apply_registry(timestamptz) IS 'Internal: the part of saas.apply_retention that the registry rules.';
