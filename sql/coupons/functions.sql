-- What was agreed stays: a redemption can only be removed, once.
CREATE FUNCTION saas.keep_redemption() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.removed_at IS NULL AND (to_jsonb(OLD) - 'removed_at') = (to_jsonb(NEW) - 'removed_at') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'A redeemed coupon keeps its terms'
    USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'saas.remove_coupon ends it.';
END $$;
COMMENT ON FUNCTION saas.keep_redemption() IS 'A coupon that a tenant has taken keeps its terms; it can be removed, once.';
