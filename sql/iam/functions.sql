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
