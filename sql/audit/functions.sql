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
