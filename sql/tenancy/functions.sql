-- A tenant always has an owner. Two sessions that each take the other's last owner meet at the
-- tenant's row: the second waits, then sees what the first did. The row is written, not only locked,
-- so that under REPEATABLE READ the second fails instead of deciding on an old snapshot.
CREATE FUNCTION saas.keep_last_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE saas.tenants SET name = name WHERE id = OLD.tenant_id AND deleted_at IS NULL;
  -- Without it the tenant itself is deleted, or being deleted.
  IF FOUND AND NOT EXISTS (
    SELECT FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id
     WHERE m.tenant_id = OLD.tenant_id AND r.key = 'tenant_owner'
  ) THEN
    RAISE EXCEPTION 'The last owner of a tenant can''t leave, be removed or be demoted'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Transfer the ownership first.';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.keep_last_owner() IS 'A tenant always has an owner.';

-- The currency of a tenant's bills can't change under them.
CREATE FUNCTION saas.keep_billed_currency() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM saas.payment_invoices WHERE tenant_id = OLD.id)
     OR EXISTS (SELECT FROM saas.tenant_credit_ledger WHERE tenant_id = OLD.id) THEN
    RAISE EXCEPTION 'The currency of a tenant is fixed once something is billed or credited'
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.keep_billed_currency() IS 'A tenant''s currency stays, once something is billed in it.';

-- A time zone is one that has a name: its days are what is billed.
CREATE FUNCTION saas.check_time_zone() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM saas.require_time_zone(NEW.time_zone);
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.check_time_zone() IS 'A time zone is one of pg_timezone_names.';

-- A service account is a member of its own tenant only, and a person is no service account.
CREATE FUNCTION saas.enforce_service_membership() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own uuid := (SELECT service_tenant_id FROM saas.users WHERE id = NEW.user_id);
BEGIN
  IF own IS DISTINCT FROM (CASE NEW.member_type WHEN 'service' THEN NEW.tenant_id END) THEN
    RAISE EXCEPTION 'A service account is a member of its own tenant only, and persons are members or guests'
      USING ERRCODE = 'check_violation', HINT = 'Service accounts are made with saas.create_service_account.';
  END IF;
  IF own IS NOT NULL AND EXISTS (SELECT FROM saas.roles WHERE id = NEW.role_id AND key = 'tenant_owner') THEN
    RAISE EXCEPTION 'A service account owns no tenant' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.enforce_service_membership() IS 'A service account is a member of its own tenant only, and not its owner.';
