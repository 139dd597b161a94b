-- What the extension needs to know about itself and the database it lives in.

CREATE TABLE saas.schema_version (
  only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version    integer NOT NULL CHECK (version > 0),
  changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE saas.schema_version IS 'The data version of the tables in this schema, one row. saas.migrate() raises it; code accepts its own version and the one before.';

CREATE TABLE saas.access_grants (
  role_id    regrole PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('app', 'gateway', 'worker', 'auditor', 'admin')),
  granted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE saas.access_grants IS 'Which database role has which kind of access, as given by saas.grant_access. Install and migrate grant again from here.';

CREATE TABLE saas.state_transitions (
  entity     text NOT NULL CHECK (entity <> ''),
  from_state text NOT NULL CHECK (from_state <> ''),
  to_state   text NOT NULL CHECK (to_state <> '' AND to_state <> from_state),
  PRIMARY KEY (entity, from_state, to_state)
);
COMMENT ON TABLE saas.state_transitions IS 'Every legal move of every status column, by table. Any other move is refused with 55000.';

CREATE TABLE saas.currencies (
  code     text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
  exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 4),
  name     text NOT NULL CHECK (name <> '')
);
COMMENT ON TABLE saas.currencies IS 'ISO 4217 currencies. exponent: how many decimal digits the minor unit has (USD 2, JPY 0, KWD 3).';

CREATE TABLE saas.countries (
  code text PRIMARY KEY CHECK (code ~ '^[A-Z]{2}$'),
  name text NOT NULL CHECK (name <> '')
);
COMMENT ON TABLE saas.countries IS 'ISO 3166-1 countries, by their two letters: where issuers and tenants are, and what is taxed there.';

CREATE TABLE saas.settings (
  only_row               boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  currency               text NOT NULL DEFAULT 'USD' REFERENCES saas.currencies (code),
  time_zone              text NOT NULL DEFAULT 'UTC'
    CHECK ((timestamptz '2000-01-01 00:00+00' AT TIME ZONE time_zone) IS NOT NULL),
  usage_id_retention     interval NOT NULL DEFAULT '400 days' CHECK (usage_id_retention > '0'),
  usage_event_retention  interval,
  usage_ids_kept_since   timestamptz NOT NULL DEFAULT '-infinity',
  usage_events_kept_since timestamptz NOT NULL DEFAULT '-infinity',
  usage_clock_skew       interval NOT NULL DEFAULT '5 minutes' CHECK (usage_clock_skew >= '0'),
  usage_slots            smallint NOT NULL DEFAULT 32 CHECK (usage_slots BETWEEN 1 AND 256),
  audit_retention        interval CHECK (audit_retention >= '1 year'),
  now_tolerance          interval NOT NULL DEFAULT '5 minutes' CHECK (now_tolerance >= '0'),
  payment_terms          interval NOT NULL DEFAULT '14 days' CHECK (payment_terms >= '0'),
  payment_grace          interval NOT NULL DEFAULT '7 days' CHECK (payment_grace >= '0'),
  dunning_schedule       interval[] NOT NULL DEFAULT '{3 days,10 days,21 days}' CHECK (cardinality(dunning_schedule) <= 3),
  close_share            numeric NOT NULL DEFAULT 0.35 CHECK (close_share BETWEEN 0.01 AND 1),
  zero_invoices          text NOT NULL DEFAULT 'number' CHECK (zero_invoices IN ('number', 'skip')),
  privacy_request_term   interval NOT NULL DEFAULT '1 month' CHECK (privacy_request_term > '0'),
  impersonation_approval boolean NOT NULL DEFAULT false,
  break_glass_limit      interval NOT NULL DEFAULT '1 day' CHECK (break_glass_limit > '0'),
  break_glass_review     interval NOT NULL DEFAULT '72 hours' CHECK (break_glass_review > '0'),
  failure_limit          integer DEFAULT 20 CHECK (failure_limit > 1),
  failure_window         interval NOT NULL DEFAULT '15 minutes' CHECK (failure_window >= '1 second'),
  session_idle_timeout   interval CHECK (session_idle_timeout BETWEEN '1 minute' AND '10 years'),
  session_lifetime_limit interval CHECK (session_lifetime_limit BETWEEN '1 minute' AND '10 years'),
  request_claims_issuer  text CHECK (request_claims_issuer <> ''),
  tax_function           text CHECK (tax_function <> ''),
  updated_at             timestamptz NOT NULL DEFAULT now(),
  CHECK (usage_event_retention >= usage_id_retention)
);
COMMENT ON TABLE saas.settings IS 'Defaults of this database, one row, changed with UPDATE by the data owner.';
COMMENT ON COLUMN saas.settings.usage_id_retention IS 'How long event ids are kept, and so how old an accepted usage event may be.';
COMMENT ON COLUMN saas.settings.usage_event_retention IS 'How long usage events are kept, at least as long as their ids; NULL: for ever. Counters, summaries and invoices stay.';
COMMENT ON COLUMN saas.settings.usage_ids_kept_since IS 'Set by retention: ids of older events may be gone, so that such events are refused even after usage_id_retention was raised.';
COMMENT ON COLUMN saas.settings.usage_events_kept_since IS 'Set by retention: usage events that were recorded before may be gone, so that nothing is worked out from them anew.';
COMMENT ON COLUMN saas.settings.audit_retention IS 'How long the audit log is kept, in whole months of which every row is sealed; NULL: for ever. The seals stay.';
COMMENT ON COLUMN saas.settings.request_claims_issuer IS 'The issuer whose claims begin_request_claims believes without a signature; NULL: none.';
COMMENT ON COLUMN saas.settings.now_tolerance IS 'How long after its transaction began a call may still change a contract, or use credits or a coupon, as of now.';
COMMENT ON COLUMN saas.settings.payment_terms IS 'How long after it is finalized an invoice is due.';
COMMENT ON COLUMN saas.settings.payment_grace IS 'How long after that a contract is in good standing still.';
COMMENT ON COLUMN saas.settings.dunning_schedule IS 'How long after an invoice was due the reminder, the warning and the final notice are written; an empty list: none.';
COMMENT ON COLUMN saas.settings.close_share IS 'The share of the time that close_period works while others write; it rests between batches. 1: all of it.';
COMMENT ON COLUMN saas.settings.zero_invoices IS 'What becomes of invoices that charge nothing: number, they get one as all others; skip, they are paid without one.';
COMMENT ON COLUMN saas.settings.tax_function IS 'The function that tells taxes in place of saas.tax_rates, set by saas.set_tax_function; NULL: none.';
COMMENT ON COLUMN saas.settings.usage_slots IS 'How many rows a hot counter is spread over at most: a session writes to one of them, and to its own if there are not more sessions.';
COMMENT ON COLUMN saas.settings.impersonation_approval IS 'Whether impersonations need a second person''s approval before they can be entered.';
COMMENT ON COLUMN saas.settings.session_idle_timeout IS 'How long a session lasts without a request that commits a change; up to a tenth less. NULL: as long as it may.';
COMMENT ON COLUMN saas.settings.session_lifetime_limit IS 'How long a session lasts at most, whatever it was opened for; NULL: no limit.';
COMMENT ON COLUMN saas.settings.break_glass_limit IS 'How long emergency access may be opened for.';
COMMENT ON COLUMN saas.settings.break_glass_review IS 'How long after it was opened emergency access has to be reviewed; then it becomes an incident.';
COMMENT ON COLUMN saas.settings.failure_limit IS 'How often one user or one address may be refused within failure_window before it becomes a security event; NULL: as often as may be.';
COMMENT ON COLUMN saas.settings.failure_window IS 'The time in which refusals are counted; there is one security event in it at most.';
CREATE INDEX settings_currency_idx ON saas.settings (currency);
