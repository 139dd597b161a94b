-- What is sold, to whom, and what is owed. Money is bigint minor units; unit prices are
-- numeric minor units, since fractions of a cent exist.

CREATE TABLE saas.issuers (
  id                  uuid PRIMARY KEY,
  key                 text NOT NULL UNIQUE CHECK (key <> ''),
  name                text NOT NULL CHECK (btrim(name) <> ''),
  address             text,
  country             text REFERENCES saas.countries (code),
  tax_id              text,
  email               text,
  payment_note        text,
  reverse_charge_note text NOT NULL DEFAULT 'Reverse charge: the recipient owes the tax',
  exempt_note         text NOT NULL DEFAULT 'Exempt from tax',
  number_prefix       text NOT NULL DEFAULT 'INV-' CHECK (number_prefix !~ '[0-9]$'),
  last_number         bigint NOT NULL DEFAULT 0 CHECK (last_number >= 0),
  credit_note_prefix  text NOT NULL DEFAULT 'CN-' CHECK (credit_note_prefix !~ '[0-9]$'),
  last_credit_note    bigint NOT NULL DEFAULT 0 CHECK (last_credit_note >= 0),
  created_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX issuers_country_idx ON saas.issuers (country);
COMMENT ON TABLE saas.issuers IS 'Who writes the invoices. last_number is the newest number given; finalizing takes the next, so numbers have no gap; last_credit_note is the same of credit notes.';
COMMENT ON COLUMN saas.issuers.country IS 'ISO 3166-1, two letters: where tenants are taxed that name no country of their own.';
COMMENT ON COLUMN saas.issuers.payment_note IS 'What invoices say about how to pay.';

CREATE TABLE saas.plans (
  id               uuid PRIMARY KEY,
  name             text NOT NULL CHECK (btrim(name) <> ''),
  key              text NOT NULL CHECK (key <> '' AND length(key) <= 200),
  version          integer NOT NULL DEFAULT 1 CHECK (version > 0),
  is_current       boolean NOT NULL DEFAULT true,
  base_price       bigint NOT NULL CHECK (base_price >= 0),
  seat_price       bigint NOT NULL DEFAULT 0 CHECK (seat_price >= 0),
  included_seats   integer NOT NULL DEFAULT 1 CHECK (included_seats >= 0),
  currency         text NOT NULL REFERENCES saas.currencies (code),
  billing_interval text NOT NULL CHECK (billing_interval IN ('monthly', 'yearly')),
  billing_cycle    text NOT NULL DEFAULT 'calendar' CHECK (billing_cycle IN ('calendar', 'anniversary')),
  bill_in          text NOT NULL DEFAULT 'arrears' CHECK (bill_in IN ('arrears', 'advance')),
  trial_days       integer NOT NULL DEFAULT 0 CHECK (trial_days BETWEEN 0 AND 3650),
  setup_fee        bigint NOT NULL DEFAULT 0 CHECK (setup_fee >= 0),
  minimum_amount   bigint NOT NULL DEFAULT 0 CHECK (minimum_amount >= 0),
  workspace_count  integer NOT NULL DEFAULT 1 CHECK (workspace_count >= -1),
  guest_count      integer NOT NULL DEFAULT 10 CHECK (guest_count >= -1),
  member_seat      integer NOT NULL DEFAULT 100 CHECK (member_seat >= -1),
  is_active        boolean NOT NULL DEFAULT true,
  is_custom        boolean NOT NULL DEFAULT false,
  tenant_id        uuid REFERENCES saas.tenants (id) ON DELETE CASCADE,
  created_at       timestamptz NOT NULL DEFAULT now(),
  UNIQUE (key, version),
  CHECK (tenant_id IS NULL OR is_custom)
);
CREATE UNIQUE INDEX plans_current_key ON saas.plans (key) WHERE is_current;
CREATE INDEX plans_currency_idx ON saas.plans (currency);
CREATE INDEX plans_tenant_id_idx ON saas.plans (tenant_id) WHERE tenant_id IS NOT NULL;
COMMENT ON TABLE saas.plans IS 'Commercial plans. A price change is a new version; running subscriptions keep theirs. Counts of -1 mean unlimited.';
COMMENT ON COLUMN saas.plans.base_price IS 'Minor units a billing interval.';
COMMENT ON COLUMN saas.plans.bill_in IS 'When base and seat fees are billed. arrears: at the end of their own period, with the usage; advance: at its beginning, as a whole, with the usage of the period before.';
COMMENT ON COLUMN saas.plans.trial_days IS 'How long nothing is due, for a tenant''s first contract; and the longest trial that a change to this plan leaves.';
COMMENT ON COLUMN saas.plans.setup_fee IS 'Once, with the first day that is paid for; of a change to a plan with a higher one the difference.';
COMMENT ON COLUMN saas.plans.minimum_amount IS 'Minor units a billing interval, for the days that are paid for: what fees, seats and usage of the interval leave of it is charged with its base fee.';
COMMENT ON COLUMN saas.plans.seat_price IS 'Minor units a billing interval for each seat beyond included_seats.';

CREATE TABLE saas.plan_prices (
  plan_id        uuid NOT NULL REFERENCES saas.plans (id) ON DELETE CASCADE,
  currency       text NOT NULL REFERENCES saas.currencies (code),
  base_price     bigint NOT NULL CHECK (base_price >= 0),
  seat_price     bigint NOT NULL DEFAULT 0 CHECK (seat_price >= 0),
  setup_fee      bigint NOT NULL DEFAULT 0 CHECK (setup_fee >= 0),
  minimum_amount bigint NOT NULL DEFAULT 0 CHECK (minimum_amount >= 0),
  PRIMARY KEY (plan_id, currency)
);
CREATE INDEX plan_prices_currency_idx ON saas.plan_prices (currency);
COMMENT ON TABLE saas.plan_prices IS 'A plan''s prices in other currencies than its own.';

CREATE TABLE saas.features (
  key         text PRIMARY KEY CHECK (key <> '' AND length(key) <= 200),
  aggregation text NOT NULL DEFAULT 'sum' CHECK (aggregation IN ('sum', 'max', 'last')),
  UNIQUE (key, aggregation)
);
COMMENT ON TABLE saas.features IS 'Everything that can be metered, and how its events add up over a period: the same on every plan. Filled from plan_features.';

CREATE TABLE saas.plan_features (
  id             uuid PRIMARY KEY,
  plan_id        uuid NOT NULL REFERENCES saas.plans (id),
  feature_key    text NOT NULL,
  aggregation    text NOT NULL DEFAULT 'sum',
  included_units bigint NOT NULL CHECK (included_units >= 0),
  overage_price  numeric CHECK (overage_price >= 0 AND overage_price < 1e15),
  currency       text REFERENCES saas.currencies (code),
  price_model    jsonb CHECK (jsonb_typeof(price_model) = 'object'),
  UNIQUE NULLS NOT DISTINCT (plan_id, feature_key, currency),
  FOREIGN KEY (feature_key, aggregation) REFERENCES saas.features (key, aggregation),
  CHECK (overage_price IS NULL OR price_model IS NULL)
);
CREATE INDEX plan_features_feature_key_idx ON saas.plan_features (feature_key, aggregation);
CREATE INDEX plan_features_currency_idx ON saas.plan_features (currency);
COMMENT ON TABLE saas.plan_features IS 'What a plan includes of each feature and what more costs. currency NULL: the plan''s own.';
COMMENT ON COLUMN saas.plan_features.overage_price IS 'Minor units for each unit beyond included_units; NULL: units beyond cost nothing.';
COMMENT ON COLUMN saas.plan_features.price_model IS 'What one overage price can''t say: tiers, packages, percentages. Applied to the units beyond included_units.';

CREATE TABLE saas.plan_add_ons (
  id            uuid PRIMARY KEY,
  plan_id       uuid NOT NULL REFERENCES saas.plans (id),
  key           text NOT NULL CHECK (key <> '' AND length(key) <= 200),
  name          text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  currency      text REFERENCES saas.currencies (code),
  price         bigint NOT NULL CHECK (price >= 0),
  most_quantity integer CHECK (most_quantity > 0),
  UNIQUE NULLS NOT DISTINCT (plan_id, key, currency)
);
CREATE INDEX plan_add_ons_currency_idx ON saas.plan_add_ons (currency);
COMMENT ON TABLE saas.plan_add_ons IS 'What a plan offers beside itself for a price: support, another environment, a pack of something. currency NULL: the plan''s own.';
COMMENT ON COLUMN saas.plan_add_ons.price IS 'Minor units a billing interval of the plan, for each.';
COMMENT ON COLUMN saas.plan_add_ons.most_quantity IS 'How many a tenant may have; NULL: any number.';

CREATE TABLE saas.tenant_subscriptions (
  tenant_id                uuid NOT NULL REFERENCES saas.tenants (id),
  id                       uuid NOT NULL,
  plan_id                  uuid NOT NULL REFERENCES saas.plans (id),
  provider                 text,
  provider_key_kind        text NOT NULL GENERATED ALWAYS AS ('subscription') STORED,
  provider_subscription_id text,
  status                   text NOT NULL
    CHECK (status IN ('trialing', 'active', 'past_due', 'paused', 'canceled')),
  anchor                   timestamptz NOT NULL DEFAULT now() CHECK (isfinite(anchor)),
  current_period_start     date NOT NULL CHECK (isfinite(current_period_start)),
  current_period_end       date NOT NULL CHECK (isfinite(current_period_end)),
  subscription_seat        integer NOT NULL DEFAULT 1 CHECK (subscription_seat > 0),
  trial_end                timestamptz CHECK (isfinite(trial_end)),
  cancel_at                timestamptz CHECK (isfinite(cancel_at)),
  scheduled_for            date CHECK (isfinite(scheduled_for)),
  scheduled_plan_id        uuid REFERENCES saas.plans (id),
  scheduled_seats          integer CHECK (scheduled_seats > 0),
  paused_on                date CHECK (isfinite(paused_on)),
  ended_at                 timestamptz,
  ended_on                 date,
  settled_at               timestamptz,
  created_at               timestamptz NOT NULL DEFAULT now(),
  updated_at               timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (provider, provider_key_kind, provider_subscription_id, tenant_id)
    REFERENCES saas.provider_keys (provider, kind, provider_key, tenant_id),
  CHECK (current_period_start < current_period_end),
  CHECK ((provider IS NULL) = (provider_subscription_id IS NULL)),
  CHECK ((status = 'canceled') = (ended_at IS NOT NULL)),
  CHECK ((status = 'canceled') = (ended_on IS NOT NULL)),
  CHECK (settled_at IS NULL OR status = 'canceled'),
  CHECK ((scheduled_for IS NULL) = (scheduled_plan_id IS NULL) AND (scheduled_for IS NULL) = (scheduled_seats IS NULL)),
  CHECK (paused_on IS NULL OR status = 'paused'),
  CHECK (status <> 'canceled' OR scheduled_for IS NULL)
);
CREATE INDEX tenant_subscriptions_waiting_idx ON saas.tenant_subscriptions (tenant_id)
  WHERE status <> 'canceled' AND (scheduled_for IS NOT NULL OR cancel_at IS NOT NULL OR status = 'trialing');
CREATE UNIQUE INDEX tenant_subscriptions_live_key ON saas.tenant_subscriptions (tenant_id) WHERE status <> 'canceled';
CREATE INDEX tenant_subscriptions_id_idx ON saas.tenant_subscriptions (id);
CREATE INDEX tenant_subscriptions_plan_id_idx ON saas.tenant_subscriptions (plan_id);
CREATE INDEX tenant_subscriptions_scheduled_plan_id_idx ON saas.tenant_subscriptions (scheduled_plan_id);
CREATE INDEX tenant_subscriptions_provider_key_idx
  ON saas.tenant_subscriptions (provider, provider_subscription_id) WHERE provider IS NOT NULL;
CREATE INDEX tenant_subscriptions_settled_idx ON saas.tenant_subscriptions (tenant_id) WHERE settled_at IS NOT NULL;
CREATE INDEX tenant_subscriptions_unsettled_idx
  ON saas.tenant_subscriptions (current_period_start, tenant_id) WHERE settled_at IS NULL;
COMMENT ON TABLE saas.tenant_subscriptions IS 'A tenant''s recurring contract: one live one at a time.';
COMMENT ON COLUMN saas.tenant_subscriptions.anchor IS 'Start of the contract: every period is computed from here.';
COMMENT ON COLUMN saas.tenant_subscriptions.current_period_start IS 'First day, in the tenant''s time zone, of the billing period that is not billed yet. Moves on only by being closed.';
COMMENT ON COLUMN saas.tenant_subscriptions.current_period_end IS 'Day after the last day of that period.';
COMMENT ON COLUMN saas.tenant_subscriptions.plan_id IS 'The plan of now. What applied on another day: saas.subscription_changes.';
COMMENT ON COLUMN saas.tenant_subscriptions.scheduled_for IS 'The first day of terms that wait: scheduled_plan_id and scheduled_seats.';
COMMENT ON COLUMN saas.tenant_subscriptions.cancel_at IS 'When the contract will end; ended_at is when it has ended.';
COMMENT ON COLUMN saas.tenant_subscriptions.ended_on IS 'The first day that an ended contract is not billed for: the day after its last one, or what it was sold until.';
COMMENT ON COLUMN saas.tenant_subscriptions.paused_on IS 'Of a paused contract the first day that is not billed. NULL where a pause does not change what is billed, as in a year.';
COMMENT ON COLUMN saas.tenant_subscriptions.settled_at IS 'When a canceled subscription''s last period was billed; nothing is left to close then.';

CREATE TABLE saas.subscription_changes (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  subscription_id uuid NOT NULL,
  number          integer NOT NULL CHECK (number > 0),
  day             date NOT NULL CHECK (isfinite(day)),
  prorated        boolean NOT NULL,
  from_plan_id    uuid NOT NULL REFERENCES saas.plans (id),
  from_seats      integer NOT NULL CHECK (from_seats > 0),
  to_plan_id      uuid NOT NULL REFERENCES saas.plans (id),
  to_seats        integer NOT NULL CHECK (to_seats > 0),
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, subscription_id, number),
  FOREIGN KEY (tenant_id, subscription_id) REFERENCES saas.tenant_subscriptions (tenant_id, id),
  CHECK ((from_plan_id, from_seats) <> (to_plan_id, to_seats))
);
CREATE INDEX subscription_changes_id_idx ON saas.subscription_changes (id);
CREATE INDEX subscription_changes_day_idx ON saas.subscription_changes (tenant_id, subscription_id, day);
CREATE INDEX subscription_changes_from_plan_id_idx ON saas.subscription_changes (from_plan_id);
CREATE INDEX subscription_changes_to_plan_id_idx ON saas.subscription_changes (to_plan_id);
COMMENT ON TABLE saas.subscription_changes IS 'Every change of plan or seats that took effect, so that each day can be billed by its own terms. Append-only.';
COMMENT ON COLUMN saas.subscription_changes.number IS 'Of the contract''s changes, from 1, in the order of their days.';
COMMENT ON COLUMN saas.subscription_changes.day IS 'The first day of the new terms, in the tenant''s time zone.';
COMMENT ON COLUMN saas.subscription_changes.prorated IS 'Whether the day is in a period whose fee the old terms make: its unused days are credited at the old terms and charged at the new.';

CREATE TABLE saas.subscription_add_ons (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  subscription_id uuid NOT NULL,
  number          integer NOT NULL CHECK (number > 0),
  key             text NOT NULL CHECK (key <> '' AND length(key) <= 200),
  quantity        integer NOT NULL CHECK (quantity >= 0),
  day             date NOT NULL CHECK (isfinite(day)),
  at_once         boolean NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, subscription_id, number),
  FOREIGN KEY (tenant_id, subscription_id) REFERENCES saas.tenant_subscriptions (tenant_id, id)
);
CREATE INDEX subscription_add_ons_id_idx ON saas.subscription_add_ons (id);
COMMENT ON TABLE saas.subscription_add_ons IS 'What a contract takes of its plan''s add-ons: from a day on so many, whatever was said before of the days from then on. Each day has one quantity, therefore. Append-only.';
COMMENT ON COLUMN saas.subscription_add_ons.number IS 'In the order in which it was said, from 1, of all add-ons of the contract.';
COMMENT ON COLUMN saas.subscription_add_ons.quantity IS 'How many from the day on; 0: none.';
COMMENT ON COLUMN saas.subscription_add_ons.day IS 'The first day of the quantity, in the tenant''s time zone.';
COMMENT ON COLUMN saas.subscription_add_ons.at_once IS 'Whether it was said of that day itself, or has waited for the end of the period that is paid for.';

CREATE TABLE saas.payment_invoices (
  tenant_id           uuid NOT NULL REFERENCES saas.tenants (id),
  id                  uuid NOT NULL,
  subscription_id     uuid,
  issuer_id           uuid NOT NULL REFERENCES saas.issuers (id),
  number              text,
  provider            text,
  provider_key_kind   text NOT NULL GENERATED ALWAYS AS ('invoice') STORED,
  provider_invoice_id text,
  billing_reason      text NOT NULL DEFAULT 'period' CHECK (billing_reason IN ('period', 'advance', 'change', 'late')),
  period              date NOT NULL CHECK (isfinite(period)),
  period_start        date NOT NULL CHECK (isfinite(period_start)),
  period_end          date NOT NULL CHECK (isfinite(period_end)),
  subscription_amount bigint NOT NULL DEFAULT 0,
  usage_amount        bigint NOT NULL DEFAULT 0 CHECK (usage_amount >= 0),
  other_amount        bigint NOT NULL DEFAULT 0,
  discount            bigint NOT NULL DEFAULT 0 CHECK (discount >= 0),
  tax                 bigint NOT NULL DEFAULT 0,
  credit_amount       bigint NOT NULL DEFAULT 0 CHECK (credit_amount >= 0),
  total_amount        bigint NOT NULL CHECK (total_amount >= 0),
  credited_amount     bigint NOT NULL DEFAULT 0 CHECK (credited_amount BETWEEN 0 AND total_amount),
  currency            text NOT NULL REFERENCES saas.currencies (code),
  status              text NOT NULL DEFAULT 'draft'
    CHECK (status IN ('draft', 'open', 'paid', 'failed', 'void', 'uncollectible')),
  due_at              timestamptz,
  finalized_at        timestamptz,
  paid_at             timestamptz,
  voided_at           timestamptz,
  status_reason       text,
  issuer_details      jsonb,
  bill_to             jsonb,
  time_zone           text,
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, subscription_id) REFERENCES saas.tenant_subscriptions (tenant_id, id),
  FOREIGN KEY (provider, provider_key_kind, provider_invoice_id, tenant_id)
    REFERENCES saas.provider_keys (provider, kind, provider_key, tenant_id),
  UNIQUE (issuer_id, number, tenant_id),
  CHECK (period_start < period_end),
  CHECK ((provider IS NULL) = (provider_invoice_id IS NULL)),
  -- A draft that is voided never had a number, nor has one over nothing if settings say so.
  CHECK (CASE status WHEN 'draft' THEN number IS NULL WHEN 'void' THEN true
                     WHEN 'paid' THEN number IS NOT NULL OR (total_amount = 0 AND credit_amount = 0)
                     ELSE number IS NOT NULL END),
  CHECK ((number IS NULL) = (finalized_at IS NULL)),
  CHECK (total_amount = subscription_amount + usage_amount + other_amount - discount + tax - credit_amount),
  CHECK ((billing_reason = 'late') = (subscription_id IS NULL))
);
CREATE UNIQUE INDEX payment_invoices_period_key
  ON saas.payment_invoices (tenant_id, subscription_id, period_start) WHERE status <> 'void' AND billing_reason = 'period';
CREATE UNIQUE INDEX payment_invoices_advance_key
  ON saas.payment_invoices (tenant_id, subscription_id, period_start) WHERE status <> 'void' AND billing_reason = 'advance';
CREATE UNIQUE INDEX payment_invoices_provider_key
  ON saas.payment_invoices (tenant_id, provider, provider_invoice_id) WHERE status <> 'void';
CREATE INDEX payment_invoices_id_idx ON saas.payment_invoices (id);
CREATE INDEX payment_invoices_subscription_id_idx ON saas.payment_invoices (tenant_id, subscription_id);
CREATE INDEX payment_invoices_currency_idx ON saas.payment_invoices (currency);
CREATE INDEX payment_invoices_provider_key_idx
  ON saas.payment_invoices (provider, provider_invoice_id) WHERE provider IS NOT NULL;
COMMENT ON TABLE saas.payment_invoices IS 'What a tenant owes for a period: the sum of its lines, in minor units. Immutable once finalized, but for its status.';
COMMENT ON COLUMN saas.payment_invoices.billing_reason IS 'period: of a closed billing period; advance: of fees alone, charged ahead when a contract or its paid time begins; change: of a change within time that was paid ahead; late: of usage that came after the last contract''s end.';
COMMENT ON COLUMN saas.payment_invoices.number IS 'Given when finalized, gapless for an issuer. A void invoice keeps it.';
COMMENT ON COLUMN saas.payment_invoices.subscription_amount IS 'Sum of subscription, seat and proration lines.';
COMMENT ON COLUMN saas.payment_invoices.other_amount IS 'Sum of minimum, add_on, setup and adjustment lines.';
COMMENT ON COLUMN saas.payment_invoices.tax IS 'Negative where late usage has made more cheaper than is due. The total without it and without credits used is the revenue, whether prices contain the tax or not.';
COMMENT ON COLUMN saas.payment_invoices.credited_amount IS 'What credit notes took off what was due.';
COMMENT ON COLUMN saas.payment_invoices.issuer_details IS 'What the invoice says of its issuer, kept when it is finalized.';
COMMENT ON COLUMN saas.payment_invoices.bill_to IS 'To whom it is written, kept when it is finalized.';
COMMENT ON COLUMN saas.payment_invoices.time_zone IS 'In which its moments are days, kept when it is finalized: the tenant''s then.';
COMMENT ON COLUMN saas.payment_invoices.credit_amount IS 'Credits used, positive here; the credit line is negative.';

CREATE TABLE saas.payment_invoice_lines (
  tenant_id      uuid NOT NULL,
  id             uuid NOT NULL,
  invoice_id     uuid NOT NULL,
  position       integer NOT NULL CHECK (position > 0),
  kind           text NOT NULL CHECK (kind IN ('subscription', 'seat', 'usage', 'proration', 'credit', 'discount',
                                               'tax', 'minimum', 'add_on', 'setup', 'adjustment')),
  description    text NOT NULL CHECK (description <> ''),
  feature_key    text,
  quantity       numeric NOT NULL CHECK (quantity >= 0 AND quantity < 1e20),
  unit_amount    numeric NOT NULL CHECK (unit_amount > -1e20 AND unit_amount < 1e20),
  amount         bigint NOT NULL,
  period_start   date,
  period_end     date,
  source_id      uuid,
  tax_percent    numeric CHECK (tax_percent >= 0 AND tax_percent < 1e6),
  contains_tax   boolean,
  taxable_amount bigint,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, invoice_id, position),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas.payment_invoices (tenant_id, id),
  CHECK (period_start < period_end),
  CHECK (kind NOT IN ('credit', 'discount') OR amount <= 0),
  CHECK ((tax_percent IS NULL) = (contains_tax IS NULL)),
  CHECK (taxable_amount IS NULL OR kind IN ('tax', 'adjustment'))
);
CREATE INDEX payment_invoice_lines_discount_idx ON saas.payment_invoice_lines (tenant_id, source_id) WHERE kind = 'discount';
COMMENT ON TABLE saas.payment_invoice_lines IS 'The lines of an invoice; their sums are the invoice''s amounts, checked at commit.';
COMMENT ON COLUMN saas.payment_invoice_lines.source_id IS 'The row the line comes from: subscription, add-on that was taken, usage fee, usage adjustment, coupon redemption or ledger entry.';
COMMENT ON COLUMN saas.payment_invoice_lines.tax_percent IS 'The rate that the line is taxed at, of a tax line the rate itself; NULL: not taxed.';
COMMENT ON COLUMN saas.payment_invoice_lines.contains_tax IS 'Whether the amount contains the tax, which is then told and taken out again in lines of their own.';
COMMENT ON COLUMN saas.payment_invoice_lines.taxable_amount IS 'Of a tax line, and of the adjustment that takes a contained tax out again: the sum without tax that it is taken of.';

CREATE TABLE saas.billed_periods (
  tenant_id       uuid NOT NULL,
  subscription_id uuid NOT NULL,
  period_start    date NOT NULL,
  period_end      date NOT NULL,
  previous_end    date,
  kind            text NOT NULL DEFAULT 'billed' CHECK (kind IN ('billed', 'paused')),
  plan_id         uuid NOT NULL REFERENCES saas.plans (id),
  seats           integer NOT NULL CHECK (seats > 0),
  period          date NOT NULL,
  invoice_id      uuid,
  closed_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, subscription_id, period_start),
  UNIQUE (tenant_id, subscription_id, period_end),
  UNIQUE NULLS NOT DISTINCT (tenant_id, subscription_id, previous_end),
  FOREIGN KEY (tenant_id, subscription_id) REFERENCES saas.tenant_subscriptions (tenant_id, id),
  FOREIGN KEY (tenant_id, subscription_id, previous_end)
    REFERENCES saas.billed_periods (tenant_id, subscription_id, period_end),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas.payment_invoices (tenant_id, id),
  CHECK (period_start < period_end),
  CHECK (previous_end = period_start),
  CHECK (kind = 'paused' OR invoice_id IS NOT NULL)
);
CREATE INDEX billed_periods_plan_id_idx ON saas.billed_periods (plan_id);
CREATE INDEX billed_periods_period_idx ON saas.billed_periods (tenant_id, period);
CREATE INDEX billed_periods_invoice_id_idx ON saas.billed_periods (tenant_id, invoice_id);
COMMENT ON COLUMN saas.billed_periods.period IS 'The period that its usage is counted under: YYYY-MM-01 for calendar billing.';
COMMENT ON COLUMN saas.billed_periods.plan_id IS 'The plan that the period was rated by; a late unit is rated by it too.';
COMMENT ON TABLE saas.billed_periods IS 'The chain of closed periods of a subscription. Each names the end of the one before, so that there is one first, no fork, no gap and no overlap.';

CREATE TABLE saas.advance_fees (
  tenant_id       uuid NOT NULL,
  subscription_id uuid NOT NULL,
  fee_start       date NOT NULL CHECK (isfinite(fee_start)),
  fee_end         date NOT NULL CHECK (isfinite(fee_end)),
  previous_end    date,
  invoice_id      uuid NOT NULL,
  charged_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, subscription_id, fee_start),
  UNIQUE (tenant_id, subscription_id, fee_end),
  UNIQUE NULLS NOT DISTINCT (tenant_id, subscription_id, previous_end),
  FOREIGN KEY (tenant_id, subscription_id) REFERENCES saas.tenant_subscriptions (tenant_id, id),
  FOREIGN KEY (tenant_id, subscription_id, previous_end)
    REFERENCES saas.advance_fees (tenant_id, subscription_id, fee_end),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas.payment_invoices (tenant_id, id),
  CHECK (fee_start < fee_end),
  CHECK (previous_end = fee_start)
);
CREATE INDEX advance_fees_invoice_id_idx ON saas.advance_fees (tenant_id, invoice_id);
COMMENT ON TABLE saas.advance_fees IS 'The chain of days for which a contract''s fees were charged in advance, and on which invoice. Each names the end of the one before, so that no day is charged twice and none is left out.';

CREATE TABLE saas.charged_changes (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  change_id  uuid,
  add_on_id  uuid,
  plan_id    uuid NOT NULL REFERENCES saas.plans (id),
  invoice_id uuid NOT NULL,
  charged_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, change_id),
  UNIQUE (tenant_id, add_on_id),
  FOREIGN KEY (tenant_id, change_id) REFERENCES saas.subscription_changes (tenant_id, id),
  FOREIGN KEY (tenant_id, add_on_id) REFERENCES saas.subscription_add_ons (tenant_id, id),
  CHECK (num_nonnulls(change_id, add_on_id) = 1),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas.payment_invoices (tenant_id, id)
);
CREATE INDEX charged_changes_invoice_id_idx ON saas.charged_changes (tenant_id, invoice_id);
CREATE INDEX charged_changes_plan_id_idx ON saas.charged_changes (plan_id);
COMMENT ON TABLE saas.charged_changes IS 'Changes of terms and of add-ons within days that had been charged in advance, and the invoice that each was charged on by itself. Others come with the fee.';
COMMENT ON COLUMN saas.charged_changes.plan_id IS 'The plan by which it was charged.';

CREATE TABLE saas.tenant_credit_ledger (
  tenant_id       uuid NOT NULL REFERENCES saas.tenants (id),
  id              uuid NOT NULL,
  entry           bigint NOT NULL CHECK (entry > 0),
  delta           bigint NOT NULL CHECK (delta <> 0),
  balance_after   bigint NOT NULL CHECK (balance_after >= 0),
  reason          text NOT NULL CHECK (btrim(reason) <> ''),
  source          text NOT NULL CHECK (source IN ('billing', 'admin', 'promo')),
  priority        integer NOT NULL DEFAULT 50,
  expires_at      timestamptz CHECK (isfinite(expires_at)),
  grant_id        uuid,
  idempotency_key text CHECK (idempotency_key <> ''),
  invoice_id      uuid,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, entry),
  UNIQUE (tenant_id, idempotency_key),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas.payment_invoices (tenant_id, id),
  FOREIGN KEY (tenant_id, grant_id) REFERENCES saas.tenant_credit_ledger (tenant_id, id),
  CHECK (expires_at IS NULL OR delta > 0),
  CHECK (grant_id IS NULL OR delta < 0)
);
CREATE INDEX tenant_credit_ledger_grant_id_idx ON saas.tenant_credit_ledger (tenant_id, grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX tenant_credit_ledger_expiry_idx ON saas.tenant_credit_ledger (tenant_id, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX tenant_credit_ledger_id_idx ON saas.tenant_credit_ledger (id);
CREATE INDEX tenant_credit_ledger_invoice_id_idx ON saas.tenant_credit_ledger (tenant_id, invoice_id);
COMMENT ON TABLE saas.tenant_credit_ledger IS 'Credits given (+) and used (-), in minor units of the tenant''s currency. Append-only; the balance is the sum and never negative.';
COMMENT ON COLUMN saas.tenant_credit_ledger.entry IS 'Number of the entry within its tenant, gapless from 1; set by trigger, as is balance_after.';
COMMENT ON COLUMN saas.tenant_credit_ledger.grant_id IS 'Of an expiry: the grant whose rest expired.';
COMMENT ON COLUMN saas.tenant_credit_ledger.priority IS 'Of a grant: lower is used first; then the one that expires first, then the older.';

CREATE TABLE saas.credit_allocations (
  tenant_id uuid NOT NULL,
  entry_id  uuid NOT NULL,
  grant_id  uuid NOT NULL,
  amount    bigint NOT NULL CHECK (amount > 0),
  PRIMARY KEY (tenant_id, entry_id, grant_id),
  FOREIGN KEY (tenant_id, entry_id) REFERENCES saas.tenant_credit_ledger (tenant_id, id),
  FOREIGN KEY (tenant_id, grant_id) REFERENCES saas.tenant_credit_ledger (tenant_id, id)
);
CREATE INDEX credit_allocations_grant_id_idx ON saas.credit_allocations (tenant_id, grant_id) INCLUDE (amount);
COMMENT ON TABLE saas.credit_allocations IS 'Which grant each used credit came from. Append-only; written with the ledger entry.';

CREATE TABLE saas.credit_lots (
  tenant_id  uuid NOT NULL,
  grant_id   uuid NOT NULL,
  entry      bigint NOT NULL,
  priority   integer NOT NULL,
  expires_at timestamptz,
  remaining  bigint NOT NULL CHECK (remaining > 0),
  PRIMARY KEY (tenant_id, grant_id),
  FOREIGN KEY (tenant_id, grant_id) REFERENCES saas.tenant_credit_ledger (tenant_id, id)
) WITH (fillfactor = 70);
CREATE INDEX credit_lots_order_idx ON saas.credit_lots (tenant_id, priority, expires_at, entry);
CREATE INDEX credit_lots_expiry_idx ON saas.credit_lots (tenant_id, expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE saas.credit_lots IS 'What is left of each grant of credits, of those that have something left: so that using credits costs the same whatever was used before. Ledger and allocations are the truth; check_invariants() compares.';

CREATE TABLE saas.close_progress (
  period      date PRIMARY KEY CHECK (period = date_trunc('month', period)),
  started_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  total       bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
  done        bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
  parked      bigint NOT NULL DEFAULT 0 CHECK (parked >= 0),
  run_started_at timestamptz NOT NULL DEFAULT now(),
  run_done    bigint NOT NULL DEFAULT 0 CHECK (run_done >= 0),
  rate        numeric(12, 1) CHECK (rate >= 0),
  estimated_at timestamptz
);
COMMENT ON TABLE saas.close_progress IS 'How far saas.close_period is with a month: subscriptions found, closed and parked, and when it will be done. Committed with each batch.';
COMMENT ON COLUMN saas.close_progress.run_started_at IS 'When the closers that are at work, or the last ones, began: those who work beside each other are one run.';
COMMENT ON COLUMN saas.close_progress.run_done IS 'What of done this run has closed.';
COMMENT ON COLUMN saas.close_progress.rate IS 'Subscriptions that this run closes a second; NULL until it has closed some.';
COMMENT ON COLUMN saas.close_progress.estimated_at IS 'When the rest will be closed at this rate; NULL when nothing can be said, or nothing is left.';

CREATE TABLE saas.close_parked (
  tenant_id       uuid NOT NULL,
  subscription_id uuid NOT NULL,
  period          date NOT NULL,
  sqlstate        text NOT NULL,
  error           text NOT NULL,
  attempts        integer NOT NULL DEFAULT 1 CHECK (attempts > 0),
  parked_at       timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id, period),
  FOREIGN KEY (tenant_id, subscription_id) REFERENCES saas.tenant_subscriptions (tenant_id, id)
);
COMMENT ON TABLE saas.close_parked IS 'Tenants whose period could not be closed, and why. The next close_period tries them again.';
