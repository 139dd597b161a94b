-- What is taxed, at which rate, and for whom.

CREATE TABLE saas.tax_rates (
  id           uuid PRIMARY KEY,
  country      text NOT NULL REFERENCES saas.countries (code),
  category     text NOT NULL DEFAULT 'standard' CHECK (category ~ '^[a-z0-9_]{1,64}$'),
  valid_from   date NOT NULL CHECK (isfinite(valid_from)),
  name         text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 100),
  percent      numeric NOT NULL CHECK (percent >= 0 AND percent < 1000 AND scale(percent) <= 6),
  is_inclusive boolean NOT NULL DEFAULT false,
  created_at   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (country, category, valid_from)
);
COMMENT ON TABLE saas.tax_rates IS 'Tax rates by country and category. One is valid until the next begins, so that there is neither gap nor overlap; a tax that ends is a rate of 0.';
COMMENT ON COLUMN saas.tax_rates.country IS 'ISO 3166-1, two letters. A country without a rate is taxed as the issuer''s: that nothing is due there is a rate of 0.';
COMMENT ON COLUMN saas.tax_rates.is_inclusive IS 'Whether our prices contain this tax.';

CREATE TABLE saas.tax_categories (
  kind       text NOT NULL CHECK (kind IN ('plan', 'feature')),
  key        text NOT NULL CHECK (key <> ''),
  category   text NOT NULL CHECK (category ~ '^[a-z0-9_]{1,64}$'),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, key)
);
COMMENT ON TABLE saas.tax_categories IS 'Plans and features that are taxed as something else than standard; a plan stands for its fees, a feature for its usage.';

CREATE TABLE saas.billing_details (
  tenant_id     uuid PRIMARY KEY REFERENCES saas.tenants (id),
  name          text CHECK (btrim(name) <> '' AND length(name) <= 300),
  address       text CHECK (btrim(address) <> '' AND length(address) <= 2000),
  country       text REFERENCES saas.countries (code),
  tax_id        text CHECK (btrim(tax_id) <> '' AND length(tax_id) <= 100),
  email         text CHECK (btrim(email) <> '' AND length(email) <= 320),
  tax_treatment text NOT NULL DEFAULT 'standard' CHECK (tax_treatment IN ('standard', 'reverse_charge', 'exempt')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX billing_details_country_idx ON saas.billing_details (country);
COMMENT ON TABLE saas.billing_details IS 'To whom a tenant''s invoices are written, and how it is taxed.';
COMMENT ON COLUMN saas.billing_details.name IS 'The name on invoices; NULL: the tenant''s.';
COMMENT ON COLUMN saas.billing_details.country IS 'Where the tenant is taxed, ISO 3166-1; NULL, or a country of which no rate is known: as in the issuer''s country.';
COMMENT ON COLUMN saas.billing_details.tax_treatment IS 'Set by the platform, once the tax id was verified: reverse_charge, the recipient owes the tax; exempt, nobody does.';
