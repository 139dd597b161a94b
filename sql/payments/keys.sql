-- The keys of payment providers are global, tenant tables are keyed by tenant. This small table
-- is where a provider's key finds its tenant; tenant tables reference it, so that one key
-- can't serve two tenants.
CREATE TABLE saas.provider_keys (
  provider     text NOT NULL CHECK (provider ~ '^[a-z][a-z0-9_]*$'),
  kind         text NOT NULL CHECK (kind IN ('customer', 'subscription', 'invoice', 'payment')),
  provider_key text NOT NULL CHECK (provider_key <> '' AND length(provider_key) <= 500),
  tenant_id    uuid NOT NULL REFERENCES saas.tenants (id),
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_event_at   timestamptz,
  last_event_rank smallint,
  PRIMARY KEY (provider, kind, provider_key),
  UNIQUE (provider, kind, provider_key, tenant_id),
  CHECK ((last_event_at IS NULL) = (last_event_rank IS NULL))
);
CREATE INDEX provider_keys_tenant_id_idx ON saas.provider_keys (tenant_id);
COMMENT ON TABLE saas.provider_keys IS 'Which tenant a payment provider''s customer, subscription, invoice or payment id belongs to.';
COMMENT ON COLUMN saas.provider_keys.last_event_at IS 'When the provider made the newest of its events that was followed; older ones are stale. last_event_rank orders those of one second.';
