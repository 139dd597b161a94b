-- What payment providers told us, and the money that moved once.

CREATE TABLE saas.payment_customers (
  tenant_id            uuid NOT NULL REFERENCES saas.tenants (id),
  id                   uuid NOT NULL,
  provider             text NOT NULL,
  provider_key_kind    text NOT NULL GENERATED ALWAYS AS ('customer') STORED,
  provider_customer_id text NOT NULL,
  created_at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, provider),
  FOREIGN KEY (provider, provider_key_kind, provider_customer_id, tenant_id)
    REFERENCES saas.provider_keys (provider, kind, provider_key, tenant_id)
);
CREATE INDEX payment_customers_id_idx ON saas.payment_customers (id);
CREATE INDEX payment_customers_provider_key_idx ON saas.payment_customers (provider, provider_customer_id);
COMMENT ON TABLE saas.payment_customers IS 'Who this tenant is at a payment provider. A provider''s customer belongs to one tenant only.';

CREATE TABLE saas.payment_one_times (
  tenant_id           uuid NOT NULL REFERENCES saas.tenants (id),
  id                  uuid NOT NULL,
  provider            text NOT NULL,
  provider_key_kind   text NOT NULL GENERATED ALWAYS AS ('payment') STORED,
  provider_payment_id text NOT NULL,
  amount              bigint NOT NULL CHECK (amount > 0),
  currency            text NOT NULL REFERENCES saas.currencies (code),
  status              text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'succeeded', 'failed', 'refunded')),
  reason              text NOT NULL CHECK (reason IN ('topup', 'addon')),
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, provider, provider_payment_id),
  FOREIGN KEY (provider, provider_key_kind, provider_payment_id, tenant_id)
    REFERENCES saas.provider_keys (provider, kind, provider_key, tenant_id)
);
CREATE INDEX payment_one_times_id_idx ON saas.payment_one_times (id);
CREATE INDEX payment_one_times_currency_idx ON saas.payment_one_times (currency);
CREATE INDEX payment_one_times_provider_key_idx ON saas.payment_one_times (provider, provider_payment_id);
COMMENT ON TABLE saas.payment_one_times IS 'Payments that don''t recur: credit top-ups and add-ons.';

CREATE TABLE saas.payment_events (
  id                uuid PRIMARY KEY,
  tenant_id         uuid REFERENCES saas.tenants (id),
  provider          text NOT NULL CHECK (provider ~ '^[a-z][a-z0-9_]*$'),
  provider_event_id text NOT NULL CHECK (provider_event_id <> '' AND length(provider_event_id) <= 500),
  event_type        text NOT NULL CHECK (event_type <> '' AND length(event_type) <= 500),
  payload           jsonb NOT NULL,
  processed         boolean NOT NULL DEFAULT false,
  processed_at      timestamptz,
  outcome           text CHECK (outcome IN ('applied', 'ignored', 'stale')),
  attempts          integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at   timestamptz NOT NULL DEFAULT now(),
  last_error        text,
  received_at       timestamptz NOT NULL DEFAULT now(),
  UNIQUE (provider, provider_event_id),
  CHECK (processed = (processed_at IS NOT NULL) AND processed = (outcome IS NOT NULL))
);
CREATE INDEX payment_events_tenant_id_idx ON saas.payment_events (tenant_id);
CREATE INDEX payment_events_pending_idx ON saas.payment_events (next_attempt_at, received_at) WHERE NOT processed;
COMMENT ON TABLE saas.payment_events IS 'Webhooks as they came: stored first, then processed once. tenant_id is NULL until it is known.';
COMMENT ON COLUMN saas.payment_events.outcome IS 'applied: it changed something; ignored: of a type without effect here; stale: older than what was applied already.';
COMMENT ON COLUMN saas.payment_events.attempts IS 'Failed ones. The next is at next_attempt_at; last_error says what was wrong with the last.';

CREATE TABLE saas.webhook_secrets (
  id         uuid PRIMARY KEY,
  provider   text NOT NULL CHECK (provider ~ '^[a-z][a-z0-9_]*$'),
  secret     text NOT NULL CHECK (length(secret) BETWEEN 16 AND 500),
  created_at timestamptz NOT NULL DEFAULT now(),
  retires_at timestamptz,
  UNIQUE (provider, secret)
);
COMMENT ON TABLE saas.webhook_secrets IS 'What payment providers sign their webhooks with. No kind of role may read them.';
COMMENT ON COLUMN saas.webhook_secrets.retires_at IS 'Until when it is believed, once another has taken its place.';
