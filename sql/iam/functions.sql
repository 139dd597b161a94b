-- The seed's two triggers, under its names and with its messages. The composite foreign keys to
-- roles (id, is_system) guarantee the same, also against races; these say it in plain words first.

CREATE FUNCTION saas.prevent_system_role_in_tenant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM saas.roles WHERE id = NEW.role_id AND is_system) THEN
    RAISE EXCEPTION 'System roles cannot be assigned to tenant members'
      USING ERRCODE = 'check_violation',
            HINT = 'Platform access is given with saas.grant_system_role.';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.prevent_system_role_in_tenant() IS 'A system role is no tenant member''s.';

CREATE FUNCTION saas.enforce_system_role_assignment() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM saas.roles WHERE id = NEW.role_id AND is_system) THEN
    RAISE EXCEPTION 'Only system roles can be assigned via system_role_assignments'
      USING ERRCODE = 'check_violation',
            HINT = 'Tenant roles are given to tenant_members.';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.enforce_system_role_assignment() IS 'Only system roles are assigned on the platform.';

-- A tenant's own role works in that tenant only. Safe without a lock, since roles never change tenant.
CREATE FUNCTION saas.enforce_role_of_tenant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM saas.roles WHERE id = NEW.role_id AND tenant_id <> NEW.tenant_id) THEN
    RAISE EXCEPTION 'This role belongs to another tenant' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.enforce_role_of_tenant() IS 'A tenant''s own role works in that tenant only.';

CREATE FUNCTION saas.keep_role_scope() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'A role can''t move to another tenant' USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
COMMENT ON FUNCTION saas.keep_role_scope() IS 'A role can''t move to another tenant.';

-- An emergency role is given by saas.open_break_glass only, which writes its event with it.
CREATE FUNCTION saas.enforce_break_glass() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM saas.roles WHERE id = NEW.role_id AND is_break_glass)
     AND NOT EXISTS (SELECT FROM saas.break_glass_events
                      WHERE assignment_id = NEW.id AND user_id = NEW.assigned_user_id AND role_id = NEW.role_id
                        AND expires_at >= NEW.expires_at) THEN
    RAISE EXCEPTION 'Break-glass roles are not assigned, but opened in an emergency'
      USING ERRCODE = 'check_violation', HINT = 'Use saas.open_break_glass.';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.enforce_break_glass() IS 'A break-glass role is assigned with its event only.';

CREATE FUNCTION saas.keep_break_glass_role() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'A role is for emergencies or not from the beginning: is_break_glass is fixed'
    USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Define another role.';
END $$;
COMMENT ON FUNCTION saas.keep_break_glass_role() IS 'Whether a role is a break-glass role is fixed.';

-- Arguments: the table's name for the message, then the columns that may be filled in once. AFTER, because
-- before it generated columns are not there yet.
CREATE FUNCTION saas.keep_record() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  once text[] := TG_ARGV[1:];
BEGIN
  IF to_jsonb(OLD) - once <> to_jsonb(NEW) - once
     OR EXISTS (SELECT FROM unnest(once) name
                 WHERE to_jsonb(OLD) ->> name IS NOT NULL AND to_jsonb(OLD) ->> name IS DISTINCT FROM to_jsonb(NEW) ->> name) THEN
    RAISE EXCEPTION 'what % says stays as it was recorded', TG_ARGV[0]
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('Only these are filled in, once: %s.', array_to_string(once, ', '));
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.keep_record() IS 'What a record says stays; what comes later is filled in once.';

-- Ends the impersonations whose actor may not go on, or whose target has become one of the platform's.
CREATE FUNCTION saas.end_impersonations() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE saas.impersonation_sessions i SET ended_at = greatest(statement_timestamp(), i.started_at)
   WHERE i.ended_at IS NULL AND i.expires_at > statement_timestamp()
     AND (EXISTS (SELECT FROM saas.users u WHERE u.id IN (i.actor_id, i.target_user_id) AND u.deleted_at IS NOT NULL)
          OR EXISTS (SELECT FROM saas.system_role_assignments a
                      WHERE a.assigned_user_id = i.target_user_id AND a.revoked_at IS NULL
                        AND (a.expires_at IS NULL OR a.expires_at > statement_timestamp()))
          OR NOT EXISTS (SELECT FROM saas.system_role_assignments a
                           JOIN saas.role_permissions rp ON rp.role_id = a.role_id
                           JOIN saas.permissions p ON p.id = rp.permission_id AND p.key = 'platform.user.impersonate'
                          WHERE a.assigned_user_id = i.actor_id AND a.revoked_at IS NULL
                            AND (a.expires_at IS NULL OR a.expires_at > statement_timestamp())));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.end_impersonations() IS 'Ends the impersonations whose actor may not go on, or whose target has become one of the platform''s.';

-- Logging out ends the impersonations that were started in this session, and those that were started in none.
CREATE FUNCTION saas.end_impersonations_of_session() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.expires_at > statement_timestamp() THEN
    UPDATE saas.impersonation_sessions i SET ended_at = greatest(statement_timestamp(), i.started_at)
     WHERE i.actor_id = OLD.user_id AND coalesce(i.session_id, OLD.id) = OLD.id
       AND i.ended_at IS NULL AND i.expires_at > statement_timestamp();
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.end_impersonations_of_session() IS 'Ends the impersonations of a session that has ended.';
