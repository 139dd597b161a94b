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
