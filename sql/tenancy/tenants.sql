CREATE TABLE saas.tenants (
  id            uuid PRIMARY KEY,
  name          text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  plan          text NOT NULL DEFAULT 'free' CHECK (plan <> ''),
  billing_state text NOT NULL DEFAULT 'trial'
    CHECK (billing_state IN ('trial', 'active', 'past_due', 'suspended', 'canceled')),
  currency      text NOT NULL DEFAULT 'USD' REFERENCES saas.currencies (code),
  time_zone     text NOT NULL DEFAULT 'UTC'
    CHECK ((timestamptz '2000-01-01 00:00+00' AT TIME ZONE time_zone) IS NOT NULL),
  created_at    timestamptz NOT NULL DEFAULT now(),
  suspended_at  timestamptz,
  deleted_at    timestamptz
);
CREATE INDEX tenants_currency_idx ON saas.tenants (currency);
COMMENT ON TABLE saas.tenants IS 'Customers (workspaces): the boundary of isolation and the owner of bills. plan and billing_state follow the subscription.';
