-- Discounts: what is offered, and who has taken it.

CREATE TABLE saas.coupons (
  id              uuid PRIMARY KEY,
  code            text NOT NULL UNIQUE CHECK (code = upper(code) AND code ~ '^[A-Z0-9_-]{1,64}$'),
  name            text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  percent         numeric CHECK (percent > 0 AND percent <= 100),
  amounts         jsonb CHECK (jsonb_typeof(amounts) = 'object'),
  applies_to      text[] CHECK (cardinality(applies_to) > 0),
  invoice_count   integer CHECK (invoice_count > 0),
  max_redemptions bigint CHECK (max_redemptions >= 0),
  redeemed        bigint NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
  starts_at       timestamptz CHECK (isfinite(starts_at)),
  expires_at      timestamptz CHECK (isfinite(expires_at)),
  is_active       boolean NOT NULL DEFAULT true,
  created_at      timestamptz NOT NULL DEFAULT now(),
  CHECK ((percent IS NULL) <> (amounts IS NULL)),
  CHECK (starts_at < expires_at),
  CHECK (redeemed <= max_redemptions)
);
COMMENT ON TABLE saas.coupons IS 'Discounts that tenants can take with a code. Who has taken one keeps its terms, whatever becomes of the coupon.';
COMMENT ON COLUMN saas.coupons.percent IS 'The share that it takes: 20 means 20 %.';
COMMENT ON COLUMN saas.coupons.amounts IS 'Or a fixed amount, in minor units, by currency: {"USD": 1000, "EUR": 900}. For ever, it is a whole month''s, and a part of a month has its part of it.';
COMMENT ON COLUMN saas.coupons.applies_to IS 'The kinds of lines that it is taken from; NULL: all charges.';
COMMENT ON COLUMN saas.coupons.invoice_count IS 'On how many invoices of a tenant: 1 is once; NULL: for ever.';
COMMENT ON COLUMN saas.coupons.max_redemptions IS 'How many tenants may take it; NULL: any number.';
COMMENT ON COLUMN saas.coupons.redeemed IS 'How many tenants have taken it.';
COMMENT ON COLUMN saas.coupons.expires_at IS 'Until when it can be taken, not how long it lasts.';

CREATE TABLE saas.coupon_redemptions (
  tenant_id     uuid NOT NULL REFERENCES saas.tenants (id),
  id            uuid NOT NULL,
  coupon_id     uuid NOT NULL REFERENCES saas.coupons (id),
  code          text NOT NULL,
  name          text NOT NULL,
  percent       numeric CHECK (percent > 0 AND percent <= 100),
  amounts       jsonb,
  applies_to    text[],
  invoice_count integer CHECK (invoice_count > 0),
  applies_from  date NOT NULL CHECK (isfinite(applies_from)),
  redeemed_at   timestamptz NOT NULL DEFAULT now(),
  removed_at    timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, coupon_id),
  CHECK ((percent IS NULL) <> (amounts IS NULL))
);
CREATE INDEX coupon_redemptions_coupon_id_idx ON saas.coupon_redemptions (coupon_id);
COMMENT ON TABLE saas.coupon_redemptions IS 'The coupons that a tenant has taken, with the terms of that moment. On how many invoices one was used is told by their discount lines: void invoices count no more.';
COMMENT ON COLUMN saas.coupon_redemptions.applies_from IS 'Billing periods that end after this day are discounted.';
COMMENT ON COLUMN saas.coupon_redemptions.removed_at IS 'From then on no new invoice is discounted by it.';
