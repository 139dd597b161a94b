-- Every feature that a plan names is known to metering, and a price model is refused here, where somebody
-- can mend it, rather than when its tenants are billed.
CREATE FUNCTION saas.register_feature() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM saas.price_quantity(NEW.price_model, 0);
  INSERT INTO saas.features (key, aggregation) VALUES (NEW.feature_key, NEW.aggregation) ON CONFLICT (key) DO NOTHING;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.register_feature() IS 'Makes a feature that a plan names known to metering, and refuses a price model that can''t be billed.';

-- A price that somebody pays never changes: a new price is a new version of the plan.
CREATE FUNCTION saas.keep_plan_terms() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  plan uuid := (to_jsonb(OLD) ->> CASE TG_ARGV[0] WHEN 'plans' THEN 'id' ELSE 'plan_id' END)::uuid;
BEGIN
  IF EXISTS (SELECT FROM saas.tenant_subscriptions WHERE plan_id = plan OR scheduled_plan_id = plan)
     OR EXISTS (SELECT FROM saas.billed_periods WHERE plan_id = plan)
     OR EXISTS (SELECT FROM saas.subscription_changes WHERE from_plan_id = plan OR to_plan_id = plan) THEN
    RAISE EXCEPTION 'The terms of a plan that has subscriptions can''t change'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Add a new version of the plan; running subscriptions keep theirs.';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
COMMENT ON FUNCTION saas.keep_plan_terms() IS 'The terms of a plan that somebody is on don''t change: a new price is a new version.';

-- What the usage of a billing period is counted under, told by one of its days: the month, or the first day of the period as it
-- would be without a pause in it. Without a SET clause, as invoice_sums.
CREATE FUNCTION saas.counted_under(billing_cycle text, first_day date, day date) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE counted_under.billing_cycle
           WHEN 'calendar' THEN pg_catalog.date_trunc('month', counted_under.day)::date
           ELSE pg_catalog.lower(saas.billing_days(counted_under.first_day, '1 month', counted_under.day))
         END
$$;

-- What a plan costs for an interval in a currency; no row where it has no price there. Without a SET clause, as
-- invoice_sums.
CREATE FUNCTION saas.plan_price(plan_id uuid, currency text)
RETURNS TABLE (base_price bigint, seat_price bigint, setup_fee bigint, minimum_amount bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT p.base_price, p.seat_price, p.setup_fee, p.minimum_amount
    FROM saas.plans p WHERE p.id = plan_price.plan_id AND p.currency = plan_price.currency
  UNION ALL
  SELECT pp.base_price, pp.seat_price, pp.setup_fee, pp.minimum_amount
    FROM saas.plan_prices pp JOIN saas.plans p ON p.id = pp.plan_id
   WHERE pp.plan_id = plan_price.plan_id AND pp.currency = plan_price.currency AND p.currency <> plan_price.currency
$$;

-- The terms of a contract on a day: those from which its first later change came, or else those of now, unless others
-- wait for a day that has come by then. Without a SET clause, as invoice_sums.
CREATE FUNCTION saas.subscription_terms(tenant_id uuid, subscription_id uuid, day date)
RETURNS TABLE (plan_id uuid, seats integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN later.number IS NOT NULL THEN later.from_plan_id
              WHEN s.scheduled_for <= subscription_terms.day THEN s.scheduled_plan_id ELSE s.plan_id END,
         CASE WHEN later.number IS NOT NULL THEN later.from_seats
              WHEN s.scheduled_for <= subscription_terms.day THEN s.scheduled_seats ELSE s.subscription_seat END
    FROM saas.tenant_subscriptions s
    LEFT JOIN LATERAL (
      SELECT c.number, c.from_plan_id, c.from_seats FROM saas.subscription_changes c
       WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.id AND c.day > subscription_terms.day
       ORDER BY c.number LIMIT 1
    ) later ON true
   WHERE s.tenant_id = subscription_terms.tenant_id AND s.id = subscription_terms.subscription_id
$$;

-- The days that a fee is for, told by one of them: the month, the billing period or the year. Without a SET clause, as invoice_sums.
CREATE FUNCTION saas.fee_days(billing_interval text, billing_cycle text, first_day date, day date, OUT first date, OUT last date) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN fee_days.billing_interval = 'yearly' THEN pg_catalog.lower(year.days)
              WHEN fee_days.billing_cycle = 'calendar' THEN pg_catalog.date_trunc('month', fee_days.day)::date
              ELSE pg_catalog.lower(month.days) END,
         CASE WHEN fee_days.billing_interval = 'yearly' THEN pg_catalog.upper(year.days)
              WHEN fee_days.billing_cycle = 'calendar' THEN (pg_catalog.date_trunc('month', fee_days.day) + interval '1 month')::date
              ELSE pg_catalog.upper(month.days) END
    FROM (SELECT saas.billing_days(fee_days.first_day, '1 year', fee_days.day) AS days) year,
         (SELECT saas.billing_days(fee_days.first_day, '1 month', fee_days.day) AS days) month
$$;

-- The add-ons that a contract takes, with the days of each quantity: what was said last holds from its day on, whatever was said
-- before of later days. As a fee in advance from fee_start on charges them, if that is given: without what was said after it, and charged
-- by itself. Without a SET clause, as invoice_sums.
CREATE FUNCTION saas.add_on_days(tenant_id uuid, subscription_id uuid, fee_start date DEFAULT NULL)
RETURNS TABLE (id uuid, key text, quantity integer, first date, next date, at_once boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT a.id, a.key, a.quantity, a.day, a.next_day, a.at_once
    FROM (
      SELECT x.*, pg_catalog.min(x.day) OVER (PARTITION BY x.key ORDER BY x.number ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_day
        FROM saas.subscription_add_ons x
       WHERE x.tenant_id = add_on_days.tenant_id AND x.subscription_id = add_on_days.subscription_id
         AND (add_on_days.fee_start IS NULL OR NOT EXISTS (
               SELECT FROM saas.charged_changes c JOIN saas.payment_invoices i ON i.tenant_id = c.tenant_id AND i.id = c.invoice_id
                WHERE c.tenant_id = x.tenant_id AND c.add_on_id = x.id AND i.period_end > add_on_days.fee_start))
    ) a
   WHERE a.next_day IS NULL OR a.day < a.next_day
$$;

-- What a plan says of an add-on in a currency; no row where it does not offer it there. Without a SET clause, as invoice_sums.
CREATE FUNCTION saas.add_on_offer(plan_id uuid, key text, currency text) RETURNS TABLE (name text, price bigint, most_quantity integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT a.name, a.price, a.most_quantity
    FROM saas.plan_add_ons a
    JOIN saas.plans p ON p.id = a.plan_id AND a.currency IS NOT DISTINCT FROM nullif(add_on_offer.currency, p.currency)
   WHERE a.plan_id = add_on_offer.plan_id AND a.key = add_on_offer.key
$$;

-- When the period ends that the fee of the tenant's live contract, on a plan, covers at a moment: the billing period, or the year.
CREATE FUNCTION saas.fee_period_end(tenant_id uuid, plan_id uuid, at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT whole.last::timestamp AT TIME ZONE t.time_zone
    FROM saas.tenant_subscriptions s
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans p ON p.id = fee_period_end.plan_id
   CROSS JOIN LATERAL (SELECT (s.anchor AT TIME ZONE t.time_zone)::date AS day) first
   CROSS JOIN LATERAL saas.fee_days(p.billing_interval, p.billing_cycle, first.day, (fee_period_end.at AT TIME ZONE t.time_zone)::date) whole (first, last)
   WHERE s.tenant_id = fee_period_end.tenant_id AND s.status <> 'canceled'
$$;

-- The fees of a contract that is billed in advance, from the first that is not charged yet to the last that has begun by a moment; those
-- before $4 are taken to be charged. Each is for the rest of its month, billing period or year, as a whole. Without a SET clause, as invoice_sums.
CREATE FUNCTION saas.fees_in_advance(tenant_id uuid, subscription_id uuid, by timestamptz, charged_until date) RETURNS TABLE (fee_start date, fee_end date)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  WITH RECURSIVE contract AS (
    SELECT first.day AS first_day, p.billing_interval, p.billing_cycle, (fees_in_advance.by AT TIME ZONE t.time_zone)::date AS last_start,
           coalesce(fees_in_advance.charged_until,
                    (SELECT f.fee_end FROM saas.advance_fees f WHERE f.tenant_id = s.tenant_id AND f.subscription_id = s.id ORDER BY f.fee_end DESC LIMIT 1),
                    greatest(first.day, (s.trial_end AT TIME ZONE t.time_zone)::date)) AS starts,
           least(coalesce(s.ended_on, (s.cancel_at AT TIME ZONE t.time_zone)::date, 'infinity'),
                 CASE WHEN (n.billing_interval, n.billing_cycle, n.bill_in) <> (p.billing_interval, p.billing_cycle, p.bill_in) THEN s.scheduled_for END) AS ends
      FROM saas.tenant_subscriptions s
      JOIN saas.tenants t ON t.id = s.tenant_id
      JOIN saas.plans p ON p.id = s.plan_id AND p.bill_in = 'advance'
      LEFT JOIN saas.plans n ON n.id = s.scheduled_plan_id
     CROSS JOIN LATERAL (SELECT (s.anchor AT TIME ZONE t.time_zone)::date AS day) first
     WHERE s.tenant_id = fees_in_advance.tenant_id AND s.id = fees_in_advance.subscription_id
       -- Nothing is due before it has begun, nor while a trial runs, which may still be left for nothing.
       AND s.anchor <= fees_in_advance.by AND NOT coalesce(s.trial_end > fees_in_advance.by, false)
  ), fees AS (
    SELECT NULL::date AS fee_start, c.starts AS fee_end FROM contract c
    UNION ALL
    SELECT f.fee_end, whole.last
      FROM fees f
     CROSS JOIN contract c
     CROSS JOIN LATERAL saas.fee_days(c.billing_interval, c.billing_cycle, c.first_day, f.fee_end) whole (first, last)
     WHERE f.fee_end <= c.last_start AND f.fee_end < c.ends
  )
  SELECT f.fee_start, f.fee_end FROM fees f WHERE f.fee_start IS NOT NULL
$$;

-- Until when, at a moment, fees in advance are charged on invoices of their own: before the running period's end, since the fee that begins then
-- comes with that period's usage. Without a SET clause, as invoice_sums.
CREATE FUNCTION saas.charges_alone_until(at timestamptz, current_period_end date, time_zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT least(charges_alone_until.at,
               pg_catalog.timezone(charges_alone_until.time_zone, charges_alone_until.current_period_end::timestamp) - interval '1 microsecond')
$$;

-- What closed periods have charged for their own days, each as it was billed last; in advance their fees were charged before. Without a SET
-- clause, as invoice_sums.
CREATE FUNCTION saas.billed_amounts() RETURNS TABLE (tenant_id uuid, subscription_id uuid, period_start date, period_end date, amount bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT b.tenant_id, b.subscription_id, b.period_start, b.period_end,
         CASE p.bill_in WHEN 'advance' THEN 0 ELSE i.subscription_amount END + i.usage_amount
    FROM saas.billed_periods b
    JOIN saas.plans p ON p.id = b.plan_id
    JOIN saas.payment_invoices i ON i.tenant_id = b.tenant_id AND i.id = b.invoice_id
$$;

-- What was charged in advance, by the first day that it is for: each fee and change as it was charged last, since what is void is made again.
-- Without a SET clause, as invoice_sums.
CREATE FUNCTION saas.paid_ahead() RETURNS TABLE (tenant_id uuid, subscription_id uuid, fee_start date, amount bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT i.tenant_id, i.subscription_id, l.period_start, l.amount
    FROM saas.payment_invoices i
    JOIN saas.tenant_subscriptions s ON s.tenant_id = i.tenant_id AND s.id = i.subscription_id
    JOIN saas.plans p ON p.id = s.plan_id AND p.bill_in = 'advance'
    JOIN saas.payment_invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id AND l.kind IN ('subscription', 'seat', 'proration')
   WHERE EXISTS (SELECT FROM saas.advance_fees f WHERE f.tenant_id = i.tenant_id AND f.invoice_id = i.id)
      OR EXISTS (SELECT FROM saas.charged_changes x WHERE x.tenant_id = i.tenant_id AND x.invoice_id = i.id)
$$;

-- Whether a tenant is behind with any invoice, whichever contract it is of: one that failed, was given up, or is overdue beyond
-- the grace period at a moment.
CREATE FUNCTION saas.is_behind(tenant_id uuid, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM saas.payment_invoices i CROSS JOIN saas.settings c
     WHERE i.tenant_id = is_behind.tenant_id AND i.total_amount > i.credited_amount
       AND (i.status IN ('failed', 'uncollectible') OR i.status = 'open' AND i.due_at + c.payment_grace <= is_behind.at))
$$;

-- What a plan with so many seats is worth a month.
CREATE FUNCTION saas.monthly_value(plan_id uuid, seats integer, currency text) RETURNS numeric
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (price.base_price + price.seat_price * greatest(monthly_value.seats - p.included_seats, 0))::numeric
         / CASE p.billing_interval WHEN 'yearly' THEN 12 ELSE 1 END
    FROM saas.plans p
   CROSS JOIN LATERAL saas.plan_price(p.id, monthly_value.currency) price
   WHERE p.id = monthly_value.plan_id
$$;

-- Until when the running trial of a contract lasts if it changes to other terms at a moment; NULL without one. A plan that is
-- worth more has no longer a trial than it gives itself, counted from the beginning: else one tries the small plan and uses the large.
CREATE FUNCTION saas.trial_after_change(tenant_id uuid, subscription_id uuid, plan_id uuid, seats integer, at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
           WHEN s.plan_id <> n.id AND saas.monthly_value(n.id, trial_after_change.seats, t.currency)
                                    > saas.monthly_value(s.plan_id, s.subscription_seat, t.currency)
             THEN greatest(least(s.trial_end, (s.anchor AT TIME ZONE t.time_zone + make_interval(days => n.trial_days)) AT TIME ZONE t.time_zone),
                           trial_after_change.at)
           ELSE s.trial_end
         END
    FROM saas.tenant_subscriptions s
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans n ON n.id = trial_after_change.plan_id
   WHERE s.tenant_id = trial_after_change.tenant_id AND s.id = trial_after_change.subscription_id AND s.trial_end > trial_after_change.at
$$;

-- The set-up fees of a contract, each with its day and plan: the first day that is paid for owes that of its plan, a change to a
-- plan with a higher one the difference, with that change. What a contract owed that this one goes on from counts. The first day's plan
-- is that of its end, but in advance that by which its fee was charged: before the changes of the day that are charged by themselves, one of
-- which may be just being charged ($3).
CREATE FUNCTION saas.setup_fees(tenant_id uuid, subscription_id uuid, charged_change uuid DEFAULT NULL) RETURNS TABLE (day date, plan_id uuid, amount bigint, change_id uuid)
LANGUAGE sql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE chain AS (
    SELECT s.tenant_id, s.id, s.anchor FROM saas.tenant_subscriptions s
     WHERE s.tenant_id = setup_fees.tenant_id AND s.id = setup_fees.subscription_id
    UNION
    SELECT o.tenant_id, o.id, o.anchor
      FROM chain c
      JOIN saas.tenant_subscriptions o ON o.tenant_id = c.tenant_id AND o.ended_at = c.anchor AND o.id <> c.id
  ), contract AS (
    SELECT c.id, c.anchor, t.currency, paid.from_day, paid.to_day, s.scheduled_for, s.scheduled_plan_id
      FROM chain c
      JOIN saas.tenant_subscriptions s ON s.tenant_id = c.tenant_id AND s.id = c.id
      JOIN saas.tenants t ON t.id = c.tenant_id
      JOIN saas.plans p ON p.id = s.plan_id
      LEFT JOIN saas.plans n ON n.id = s.scheduled_plan_id
     CROSS JOIN LATERAL (
       SELECT greatest((s.anchor AT TIME ZONE t.time_zone)::date, (s.trial_end AT TIME ZONE t.time_zone)::date) AS from_day,
              least(coalesce(s.ended_on, (s.cancel_at AT TIME ZONE t.time_zone)::date, 'infinity'),
                    CASE WHEN (n.billing_interval, n.billing_cycle, n.bill_in) <> (p.billing_interval, p.billing_cycle, p.bill_in) THEN s.scheduled_for END) AS to_day
     ) paid
     WHERE paid.from_day < paid.to_day
  ), changed AS (
    SELECT x.subscription_id, x.id, x.number, x.day, x.from_plan_id, x.to_plan_id,
           coalesce(x.id = setup_fees.charged_change, false)
           OR EXISTS (SELECT FROM saas.charged_changes k WHERE k.tenant_id = x.tenant_id AND k.change_id = x.id) AS is_alone
      FROM contract c
      JOIN saas.subscription_changes x ON x.tenant_id = setup_fees.tenant_id AND x.subscription_id = c.id
  ), terms AS (
    SELECT c.id, c.anchor, c.currency, 0 AS number, c.from_day AS day, coalesce(alone.from_plan_id, first.plan_id) AS plan_id, NULL::uuid AS change_id
      FROM contract c
     CROSS JOIN LATERAL saas.subscription_terms(setup_fees.tenant_id, c.id, c.from_day) first
      LEFT JOIN LATERAL (
        SELECT x.from_plan_id FROM changed x WHERE x.subscription_id = c.id AND x.day = c.from_day AND x.is_alone ORDER BY x.number LIMIT 1
      ) alone ON true
    UNION ALL
    SELECT c.id, c.anchor, c.currency, x.number, x.day, x.to_plan_id, x.id
      FROM contract c
      JOIN changed x ON x.subscription_id = c.id AND x.day < c.to_day AND (x.day > c.from_day OR x.day = c.from_day AND x.is_alone)
    UNION ALL
    SELECT c.id, c.anchor, c.currency, 2147483647, c.scheduled_for, c.scheduled_plan_id, NULL
      FROM contract c WHERE c.scheduled_for > c.from_day AND c.scheduled_for < c.to_day
  ), priced AS (
    SELECT e.id, e.day, e.plan_id, e.change_id, price.setup_fee,
           coalesce(max(price.setup_fee) OVER (ORDER BY e.anchor, e.id, e.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS owed
      FROM terms e CROSS JOIN LATERAL saas.plan_price(e.plan_id, e.currency) price
  )
  SELECT p.day, p.plan_id, p.setup_fee - p.owed, p.change_id FROM priced p
   WHERE p.id = setup_fees.subscription_id AND p.setup_fee > p.owed
$$;

-- A day that has begun is paid for: a contract that ends within one is billed for it, and for its first in any case, but never for
-- the day on which its trial would have ended.
CREATE FUNCTION saas.end_contract() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  zone     text;
  civil    timestamp;
  next_day date;
BEGIN
  SELECT t.time_zone INTO zone FROM saas.tenants t WHERE t.id = NEW.tenant_id;
  civil := NEW.ended_at AT TIME ZONE zone;
  next_day := CASE WHEN civil > civil::date THEN civil::date + 1 ELSE civil::date END;
  NEW.ended_on := CASE
    WHEN NEW.ended_at < NEW.anchor THEN (NEW.anchor AT TIME ZONE zone)::date
    WHEN NEW.trial_end >= NEW.ended_at THEN least(next_day, (NEW.trial_end AT TIME ZONE zone)::date)
    ELSE greatest(next_day, (NEW.anchor AT TIME ZONE zone)::date + 1)
  END;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.end_contract() IS 'The first day that a contract which ends is not billed for.';

-- A pause cuts the running period, so that its days until then are billed and no others. A year, and what is billed in advance, is sold as
-- a whole: its pause stops what the plan gives, not what it costs.
CREATE FUNCTION saas.follow_pause() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  zone text;
BEGIN
  SELECT t.time_zone INTO zone FROM saas.tenants t WHERE t.id = NEW.tenant_id;
  IF NEW.status = 'canceled' AND OLD.paused_on IS NULL THEN
    -- Without a day in its running period it bills nothing, but for a year's days, and rates nobody's usage beside another
    -- contract. After a pause there is none to rate.
    IF NEW.ended_on <= NEW.current_period_start AND (EXISTS (
         SELECT FROM saas.tenant_subscriptions o JOIN saas.plans p ON p.id = NEW.plan_id AND p.billing_interval = 'monthly'
          WHERE o.tenant_id = NEW.tenant_id AND o.id <> NEW.id AND o.settled_at IS NULL)
       OR EXISTS (
         SELECT FROM saas.billed_periods b
          WHERE b.tenant_id = NEW.tenant_id AND b.subscription_id = NEW.id AND b.period_end = NEW.current_period_start AND b.kind = 'paused')) THEN
      NEW.settled_at := now();
    END IF;
  ELSIF NEW.status = 'paused' THEN
    IF EXISTS (SELECT FROM saas.plans p WHERE p.id = NEW.plan_id AND p.billing_interval = 'monthly' AND p.bill_in = 'arrears') THEN
      NEW.paused_on := greatest(coalesce(NEW.paused_on, (now() AT TIME ZONE zone)::date), NEW.current_period_start);
      IF NEW.paused_on > NEW.current_period_start AND NEW.paused_on < NEW.current_period_end THEN
        NEW.current_period_end := NEW.paused_on;
      END IF;
    END IF;
  ELSIF OLD.paused_on IS NULL THEN
    NULL;
  ELSIF NEW.status = 'canceled' THEN
    NEW.ended_at := least(NEW.ended_at, OLD.paused_on::timestamp AT TIME ZONE zone);
    NEW.ended_on := least(NEW.ended_on, OLD.paused_on);
    NEW.paused_on := NULL;
    IF OLD.current_period_start >= OLD.paused_on THEN
      NEW.settled_at := now();
    END IF;
  ELSIF NEW.paused_on IS NOT NULL THEN
    RAISE EXCEPTION 'A paused contract goes on from a day of its own'
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call saas.resume_subscription.';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.follow_pause() IS 'A paused contract is billed until its pause, and not beyond.';

-- A tenant's plan and billing state are those of its subscription.
CREATE FUNCTION saas.follow_subscription() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE saas.tenants t
     SET plan = CASE NEW.status WHEN 'canceled' THEN 'free' ELSE p.key END,
         billing_state = CASE
                           WHEN NEW.status = 'paused' THEN t.billing_state
                           -- Who is suspended stays so until reinstated, whatever he pays.
                           WHEN t.suspended_at IS NOT NULL AND NEW.status <> 'canceled' THEN t.billing_state
                           WHEN NEW.status = 'trialing' THEN 'trial'
                           ELSE NEW.status
                         END
    FROM saas.plans p
   WHERE t.id = NEW.tenant_id AND p.id = NEW.plan_id
     -- An old contract's end says nothing once there is a new one.
     AND (NEW.status <> 'canceled' OR NOT EXISTS (
           SELECT FROM saas.tenant_subscriptions s WHERE s.tenant_id = NEW.tenant_id AND s.status <> 'canceled'));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.follow_subscription() IS 'A tenant''s plan and billing state are those of its subscription.';

-- The running number and balance of a tenant's ledger. Whoever posts holds the tenant's row, so
-- entries follow one another; the unique number and the check on the balance guarantee it.
CREATE FUNCTION saas.post_ledger_entry() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_entry bigint;
  balance bigint;
BEGIN
  PERFORM FROM saas.tenants WHERE id = NEW.tenant_id FOR NO KEY UPDATE;
  SELECT l.entry, l.balance_after INTO last_entry, balance
    FROM saas.tenant_credit_ledger l WHERE l.tenant_id = NEW.tenant_id ORDER BY l.entry DESC LIMIT 1;
  balance := coalesce(balance, 0);
  IF balance + NEW.delta < 0 THEN
    RAISE EXCEPTION 'The balance is % minor units, % can''t be used', balance, -NEW.delta
      USING ERRCODE = 'configuration_limit_exceeded';
  END IF;
  NEW.entry := coalesce(last_entry, 0) + 1;
  NEW.balance_after := balance + NEW.delta;
  NEW.created_at := now();
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.post_ledger_entry() IS 'Gives a ledger entry its tenant''s next number and the balance after it.';

-- Which grants a used credit comes from: by priority, then the one that expires first, then the older. Whoever posts
-- holds the tenant's row, so nobody else draws on its lots.
CREATE FUNCTION saas.allocate_credit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lot  record;
  part bigint;
  due  bigint := -NEW.delta;
BEGIN
  IF NEW.delta > 0 THEN
    INSERT INTO saas.credit_lots (tenant_id, grant_id, entry, priority, expires_at, remaining)
    VALUES (NEW.tenant_id, NEW.id, NEW.entry, NEW.priority, NEW.expires_at, NEW.delta);
    RETURN NULL;
  END IF;
  -- One lot after the other, each found by an index and again by its place: what that costs does not depend on how many lots there are,
  -- whatever the planner believes of a table that grows.
  LOOP
    IF NEW.grant_id IS NULL THEN
      SELECT l.ctid AS place, l.grant_id, l.remaining INTO lot FROM saas.credit_lots l
       WHERE l.tenant_id = NEW.tenant_id AND (l.expires_at IS NULL OR l.expires_at > now())
       ORDER BY l.priority, l.expires_at NULLS LAST, l.entry LIMIT 1;
    ELSE
      SELECT l.ctid AS place, l.grant_id, l.remaining INTO lot FROM saas.credit_lots l
       WHERE l.tenant_id = NEW.tenant_id AND l.grant_id = NEW.grant_id;
    END IF;
    EXIT WHEN NOT FOUND;
    part := least(lot.remaining, due);
    INSERT INTO saas.credit_allocations (tenant_id, entry_id, grant_id, amount) VALUES (NEW.tenant_id, NEW.id, lot.grant_id, part);
    IF part = lot.remaining THEN
      DELETE FROM saas.credit_lots l WHERE l.ctid = lot.place AND l.grant_id = lot.grant_id;
    ELSE
      UPDATE saas.credit_lots l SET remaining = l.remaining - part WHERE l.ctid = lot.place AND l.grant_id = lot.grant_id;
    END IF;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'The credits of tenant % have changed without its row being held', NEW.tenant_id USING ERRCODE = 'serialization_failure';
    END IF;
    due := due - part;
    EXIT WHEN due = 0;
  END LOOP;
  IF due > 0 THEN
    RAISE EXCEPTION 'Only % of % minor units are left: other credits have expired', -NEW.delta - due, -NEW.delta
      USING ERRCODE = 'configuration_limit_exceeded';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.allocate_credit() IS 'Notes which grants a used credit comes from, and what is left of them.';

-- What the lines of an invoice add up to, column by column: the one place that says which kind belongs where. Without a
-- SET clause, so that queries over many invoices take it in; whoever calls it has pinned the search path.
CREATE FUNCTION saas.invoice_sums(tenant_id uuid, invoice_id uuid,
  OUT subscription_amount bigint, OUT usage_amount bigint, OUT other_amount bigint, OUT discount bigint, OUT tax bigint,
  OUT credit_amount bigint, OUT total_amount bigint) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(pg_catalog.sum(l.amount) FILTER (WHERE l.kind IN ('subscription', 'seat', 'proration')), 0)::bigint,
         coalesce(pg_catalog.sum(l.amount) FILTER (WHERE l.kind = 'usage'), 0)::bigint,
         coalesce(pg_catalog.sum(l.amount) FILTER (WHERE l.kind IN ('minimum', 'add_on', 'setup', 'adjustment')), 0)::bigint,
         coalesce(-pg_catalog.sum(l.amount) FILTER (WHERE l.kind = 'discount'), 0)::bigint,
         coalesce(pg_catalog.sum(l.amount) FILTER (WHERE l.kind = 'tax'), 0)::bigint,
         coalesce(-pg_catalog.sum(l.amount) FILTER (WHERE l.kind = 'credit'), 0)::bigint,
         coalesce(pg_catalog.sum(l.amount), 0)::bigint
    FROM saas.payment_invoice_lines l
   WHERE l.tenant_id = invoice_sums.tenant_id AND l.invoice_id = invoice_sums.invoice_id
$$;

-- A finalized invoice keeps what it says. What may still change: its status and when, what the
-- provider calls it, and when it is due.
CREATE FUNCTION saas.keep_finalized_invoice() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR
     ROW (OLD.id, OLD.subscription_id, OLD.issuer_id, OLD.number, OLD.billing_reason, OLD.period, OLD.period_start, OLD.period_end,
          OLD.subscription_amount, OLD.usage_amount, OLD.other_amount, OLD.discount, OLD.tax, OLD.credit_amount,
          OLD.total_amount, OLD.currency, OLD.finalized_at, OLD.created_at, OLD.issuer_details, OLD.bill_to,
          OLD.time_zone)
     IS DISTINCT FROM
     ROW (NEW.id, NEW.subscription_id, NEW.issuer_id, NEW.number, NEW.billing_reason, NEW.period, NEW.period_start, NEW.period_end,
          NEW.subscription_amount, NEW.usage_amount, NEW.other_amount, NEW.discount, NEW.tax, NEW.credit_amount,
          NEW.total_amount, NEW.currency, NEW.finalized_at, NEW.created_at, NEW.issuer_details, NEW.bill_to,
          NEW.time_zone) THEN
    RAISE EXCEPTION 'Invoice % is % and can''t change', coalesce(OLD.number, OLD.id::text), OLD.status
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Void it, or correct it on the next one.';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION saas.keep_finalized_invoice() IS 'A finalized invoice keeps what it says.';

-- Lines belong to drafts only. Where they don't add up to their invoice (yet), the invoice is touched, so
-- that its total is checked at commit.
CREATE FUNCTION saas.check_invoice_lines() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  number text;
  state  text;
BEGIN
  SELECT coalesce(i.number, i.id::text), i.status INTO number, state
    FROM changed_lines l JOIN saas.payment_invoices i ON i.tenant_id = l.tenant_id AND i.id = l.invoice_id
   WHERE i.status <> 'draft' LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'Invoice % is % and its lines can''t change', number, state
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  UPDATE saas.payment_invoices i SET updated_at = now()
    FROM (SELECT DISTINCT tenant_id, invoice_id FROM changed_lines) l
   CROSS JOIN LATERAL saas.invoice_sums(l.tenant_id, l.invoice_id) s
   WHERE i.tenant_id = l.tenant_id AND i.id = l.invoice_id
     AND (i.subscription_amount, i.usage_amount, i.other_amount, i.discount, i.tax, i.credit_amount, i.total_amount)
      <> (s.subscription_amount, s.usage_amount, s.other_amount, s.discount, s.tax, s.credit_amount, s.total_amount);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION saas.check_invoice_lines() IS 'Lines belong to drafts only, and an invoice that they don''t add up to is checked at commit.';

-- What a closed period was billed by stays as it was.
CREATE FUNCTION saas.keep_closed_usage() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'Usage of % in the closed period % can''t change', OLD.feature_key, OLD.period
    USING ERRCODE = 'object_not_in_prerequisite_state',
          HINT = 'Later usage becomes an adjustment on the next invoice.';
END $$;
COMMENT ON FUNCTION saas.keep_closed_usage() IS 'What a closed period was billed by stays as it was.';

-- What was billed, and on which invoice, only grows. A reissue after a void names the new invoice.
CREATE FUNCTION saas.keep_billed_period() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (to_jsonb(OLD) - 'invoice_id') = (to_jsonb(NEW) - 'invoice_id') AND EXISTS (
    SELECT FROM saas.payment_invoices i
     WHERE i.tenant_id = OLD.tenant_id AND i.id = OLD.invoice_id AND i.status = 'void') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'What was billed can''t change' USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
COMMENT ON FUNCTION saas.keep_billed_period() IS 'What says which invoice billed a period, a fee in advance or a change only grows.';

-- Closes a month, a batch a transaction. No SET clause and no exception block: both forbid COMMIT. Rests between batches hold no
-- lock, and are a transaction of their own: what is closed next is as of its end.
CREATE PROCEDURE saas.close_period(period date, batch_size integer DEFAULT 1000)
LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz := pg_catalog.clock_timestamp();
BEGIN
  COMMIT; -- refuses a transaction block before anything is done
  WHILE saas.close_next_batch(period, batch_size, started) LOOP
    COMMIT;
    PERFORM saas.give_way();
    COMMIT;
  END LOOP;
END $$;
