-- A provider's key belongs to the tenant that first has it in one of its rows. The foreign keys to
-- saas.provider_keys guarantee it; this makes plain INSERTs and UPDATEs work, and says what is wrong.
CREATE FUNCTION saas.register_provider_key() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key_kind text := TG_ARGV[0];
  key text := to_jsonb(NEW) ->> TG_ARGV[1];
  of_tenant uuid;
BEGIN
  IF key IS NULL THEN
    RETURN NEW;
  END IF;
  INSERT INTO saas.provider_keys (provider, kind, provider_key, tenant_id)
  VALUES (NEW.provider, key_kind, key, NEW.tenant_id)
  ON CONFLICT (provider, kind, provider_key) DO NOTHING;
  SELECT k.tenant_id INTO of_tenant
    FROM saas.provider_keys k WHERE k.provider = NEW.provider AND k.kind = key_kind AND k.provider_key = key;
  IF of_tenant <> NEW.tenant_id THEN
    RAISE EXCEPTION '% "%" of % belongs to another tenant', key_kind, key, NEW.provider
      USING ERRCODE = 'unique_violation';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.register_provider_key() IS 'A provider''s key belongs to the tenant that first has it.';
