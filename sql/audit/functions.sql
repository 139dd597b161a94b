-- Trigger functions in Rust: src/audit/changes.rs and src/audit/stamp.rs.

CREATE FUNCTION saas.audit_changes() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'saas_audit_changes';

CREATE FUNCTION saas.stamp_audit_log() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'saas_stamp_audit_log';

-- Argument: the column of saas.incident_history that names the row.
CREATE FUNCTION saas.keep_incident_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO saas.incident_history (id, incident_id, security_event_id, from_state, to_state, note, moved_by)
  VALUES (saas.uuid_v7(), CASE TG_ARGV[0] WHEN 'incident_id' THEN NEW.id END, CASE TG_ARGV[0] WHEN 'security_event_id' THEN NEW.id END,
          OLD.status, NEW.status,
          -- What was said the last time is not said again.
          CASE WHEN NEW.status_reason IS DISTINCT FROM OLD.status_reason THEN NEW.status_reason END,
          coalesce(saas.current_impersonator_id(), saas.current_user_id()));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.keep_incident_history() IS 'Writes down each move of an incident or security event.';

CREATE FUNCTION saas.protect_security_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - '{status,status_reason,incident_id}'::text[] = to_jsonb(OLD) - '{status,status_reason,incident_id}'::text[] THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'security_events keeps what was reported: % is refused', TG_OP
    USING ERRCODE = 'object_not_in_prerequisite_state',
          HINT = 'Call saas.acknowledge_security_event, saas.dismiss_security_event or saas.open_incident.';
END $$;
COMMENT ON FUNCTION saas.protect_security_event() IS 'What was reported as a security event never changes; what became of it may.';

-- What a row's audit rows add up to: merge(new_values ORDER BY id).
CREATE AGGREGATE saas.merge (jsonb) (sfunc = pg_catalog.jsonb_concat, stype = jsonb);
COMMENT ON AGGREGATE saas.merge(jsonb) IS 'What a row''s audit rows add up to: merge(new_values ORDER BY id).';
COMMENT ON FUNCTION saas.audit_changes() IS 'Writes the audit rows of a statement that changed an audited table.';
COMMENT ON FUNCTION saas.stamp_audit_log() IS 'Gives an audit row what the database knows: id, transaction, epoch, role and hash.';

-- Whole months of the audit log that ended before a time, every row of them sealed. Held until the end of the
-- transaction, so that nobody adds to them: readers go on.
CREATE FUNCTION saas.sealed_audit_months(ended_before timestamptz)
RETURNS TABLE (period_start timestamptz, period_end timestamptz, row_count bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  month  record;
  sealed bigint;
  within boolean;
BEGIN
  FOR month IN
    SELECT c.oid::regclass AS part, to_timestamp(right(c.relname, 6), 'YYYYMM') AS start
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'saas.platform_audit_logs'::regclass AND c.relname ~ '^platform_audit_logs_\d{6}$'
     ORDER BY c.relname
  LOOP
    period_start := month.start;
    period_end := month.start + interval '1 month';
    CONTINUE WHEN (period_end <= ended_before) IS NOT TRUE
                  OR EXISTS (SELECT FROM saas.audit_retirements r WHERE r.period_start = month.start);
    EXECUTE format('LOCK TABLE %s IN SHARE MODE', month.part);
    EXECUTE format('SELECT count(*), count(s.log_id), coalesce(bool_and(l.occurred_at >= $1 AND l.occurred_at < $2), true)
                      FROM %s l LEFT JOIN saas.audit_seal_rows s ON s.log_id = l.id AND s.occurred_at = l.occurred_at AND s.row_hash = l.row_hash', month.part)
       INTO row_count, sealed, within USING period_start, period_end;
    IF sealed < row_count OR NOT within THEN
      RAISE WARNING '% is kept: % of its % rows are not sealed', month.part, row_count - sealed, row_count
        USING HINT = 'Call saas.seal_audit_log() first; saas.verify_audit_log() tells more.';
      CONTINUE;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION saas.sealed_audit_months(timestamptz) IS 'Internal: the months of the audit log that saas.apply_retention may remove.';

-- Drops months of the audit log, because nothing else takes rows out of that table, and tells of it for good. A drop
-- waits for whoever is in the log, and they for it: it gives up after some seconds, until the next call.
CREATE FUNCTION saas.retire_audit_months(starts timestamptz[], row_counts bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
  month record;
  total bigint := 0;
BEGIN
  FOR month IN
    SELECT m.start, m.row_count, format('platform_audit_logs_%s', to_char(m.start, 'YYYYMM')) AS part
      FROM unnest(starts, row_counts) AS m (start, row_count) ORDER BY m.start
  LOOP
    BEGIN
      INSERT INTO saas.audit_retirements (period_start, period_end, row_count)
      VALUES (month.start, month.start + interval '1 month', month.row_count);
      EXECUTE format('DROP TABLE saas.%I', month.part);
      total := total + month.row_count;
    EXCEPTION WHEN lock_not_available THEN
      RAISE WARNING 'saas.% is in use and stays for now', month.part;
    END;
  END LOOP;
  RETURN total;
END $$;
COMMENT ON FUNCTION saas.retire_audit_months(timestamptz[], bigint[]) IS 'Internal: removes months of the audit log that are sealed as a whole, and says so.';
