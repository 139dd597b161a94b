-- Argument: the column that names the user.
CREATE FUNCTION saas.refuse_service_account() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM saas.users WHERE id = (to_jsonb(NEW) ->> TG_ARGV[0])::uuid AND service_tenant_id IS NOT NULL) THEN
    RAISE EXCEPTION 'A service account never logs in and has no part in the platform'
      USING ERRCODE = 'check_violation', HINT = 'It acts by API keys: saas.create_api_key.';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.refuse_service_account() IS 'A service account never logs in and has no part in the platform.';

CREATE FUNCTION saas.keep_service_account() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'Whether a user is a service account, and whose, stays as it is' USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
COMMENT ON FUNCTION saas.keep_service_account() IS 'Whether a user is a service account stays as it is.';

-- Another password ends the sessions that the old one has opened, but for the one in which it was changed.
CREATE FUNCTION saas.end_sessions_of_password() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE saas.sessions SET revoked_at = statement_timestamp()
   WHERE user_id = NEW.user_id AND revoked_at IS NULL AND id IS DISTINCT FROM saas.current_session_id();
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.end_sessions_of_password() IS 'Another password ends the sessions of the old one.';
