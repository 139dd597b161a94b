-- What a simulated year is made of, written down by who plays it: plain tables, of which the recount makes the invoices once more.
CREATE SCHEMA world;
CREATE TABLE world.plan (key text PRIMARY KEY, cycle text NOT NULL, every text NOT NULL, ahead boolean NOT NULL, included int NOT NULL);
CREATE TABLE world.plan_price (plan text, currency text, base numeric, seat numeric, setup numeric, least numeric, PRIMARY KEY (plan, currency));
-- So many units free, so many at one price, the rest at another.
CREATE TABLE world.price (
  plan text, feature text, currency text, free numeric, first numeric, tier numeric, further numeric, PRIMARY KEY (plan, feature, currency)
);
CREATE TABLE world.tenant (id uuid PRIMARY KEY, number int NOT NULL, currency text NOT NULL, cap numeric);
-- One that goes on from another owes what its set-up costs beyond that one's. Ended: the first day that is not paid for.
CREATE TABLE world.contract (
  number int PRIMARY KEY, tenant uuid NOT NULL, id uuid NOT NULL, first_day date NOT NULL, trial_end date NOT NULL, ended date, goes_on_from int,
  leaves_empty boolean NOT NULL DEFAULT false
);
-- Step: what was written down later was not known before.
CREATE TABLE world.terms (contract int, number serial, step int, day date, plan text, seats int, charged boolean, PRIMARY KEY (contract, number));
-- So many of an add-on from a day on, whatever was said before of later days.
CREATE TABLE world.add_on (contract int, number serial, step int, key text, quantity int, day date, at_once boolean, PRIMARY KEY (contract, number));
CREATE TABLE world.add_on_price (plan text, key text, currency text, price numeric, PRIMARY KEY (plan, key, currency));
-- When a contract was to end, as was known from a step on; NULL: not at all.
CREATE TABLE world.ending (contract int, step int, day date, PRIMARY KEY (contract, step));
CREATE TABLE world.pause (contract int, first_day date, until date);
-- The contract is the one that was live on the day.
CREATE TABLE world.event (tenant uuid, id text, feature text, day date, units numeric, step int, contract int, PRIMARY KEY (tenant, id));
-- In their order: what changed credits, invoices, coupons and taxes. Without a tenant: reminders, for all.
CREATE TABLE world.op (
  number serial PRIMARY KEY, step int NOT NULL, tenant uuid, kind text NOT NULL, amount numeric, percent numeric, times int, day date, invoice uuid,
  label text, priority int, expires timestamptz, applies text[], at timestamptz
);
CREATE INDEX ON world.op (tenant, number);
CREATE INDEX ON world.event (tenant, feature);
CREATE INDEX ON world.terms (contract, day);
-- Rates: a country's, of what is taxed as what, from a day on.
CREATE TABLE world.tax (country text, category text, since date, percent numeric, contained boolean);
-- How contracts stood after reminders: the run's number in world.op.
CREATE TABLE world.standing (run int, tenant uuid, status text, PRIMARY KEY (run, tenant));

-- The months or years of a contract, each from its anchor.
CREATE FUNCTION world.wholes(c world.contract, cycle text, months int) RETURNS SETOF daterange LANGUAGE sql STABLE AS $$
  SELECT daterange((k.origin + make_interval(months => n * months))::date, (k.origin + make_interval(months => (n + 1) * months))::date)
    FROM (SELECT CASE WHEN cycle = 'calendar' AND months = 1 THEN date_trunc('month', c.first_day)::date ELSE c.first_day END AS origin) k,
         generate_series(0, 12 * (extract(year FROM now())::int - 2022)) n
$$;

CREATE FUNCTION world.cycle(c world.contract) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT p.cycle FROM world.terms t JOIN world.plan p ON p.key = t.plan WHERE t.contract = c.number ORDER BY t.number LIMIT 1
$$;
CREATE FUNCTION world.kind(c world.contract) RETURNS world.plan LANGUAGE sql STABLE AS $$
  SELECT p FROM world.terms t JOIN world.plan p ON p.key = t.plan WHERE t.contract = c.number ORDER BY t.number LIMIT 1
$$;

-- The days of a fee: the month or the year that holds a day.
CREATE FUNCTION world.fee_whole(c world.contract, day date) RETURNS daterange LANGUAGE sql STABLE AS $$
  SELECT w FROM world.kind(c) p CROSS JOIN LATERAL world.wholes(c, p.cycle, CASE p.every WHEN 'yearly' THEN 12 ELSE 1 END) w WHERE day <@ w
$$;

-- The periods that are billed before a day: whole months of the contract, cut by its beginning and by pauses.
CREATE FUNCTION world.pieces(before date)
RETURNS TABLE (contract int, tenant uuid, subscription uuid, counter date, counter_end date, first date, last date) LANGUAGE sql STABLE AS $$
  SELECT c.number, c.tenant, c.id, lower(w), upper(w), lower(piece), upper(piece)
    FROM world.contract c
   CROSS JOIN LATERAL world.wholes(c, world.cycle(c), 1) w
   CROSS JOIN LATERAL (
     SELECT unnest(datemultirange(daterange(greatest(lower(w), c.first_day), upper(w)))
                   - coalesce((SELECT range_agg(daterange(p.first_day, p.until)) FROM world.pause p WHERE p.contract = c.number), '{}')) AS piece
   ) cut
   WHERE lower(piece) < before AND (c.ended IS NULL OR lower(piece) < c.ended OR c.leaves_empty AND lower(piece) = c.ended)
$$;

CREATE FUNCTION world.terms_on(of_contract int, on_day date) RETURNS world.terms LANGUAGE sql STABLE AS $$
  SELECT t FROM world.terms t WHERE t.contract = of_contract AND t.day <= on_day ORDER BY t.number DESC LIMIT 1
$$;
-- The days of each quantity, by what was said before a step.
CREATE FUNCTION world.add_on_days(of_contract int, known int) RETURNS TABLE (number int, key text, quantity int, first date, next date) LANGUAGE sql STABLE AS $$
  SELECT a.number, a.key, a.quantity, a.day, later.day
    FROM world.add_on a
   CROSS JOIN LATERAL (
     SELECT coalesce(min(b.day), 'infinity') AS day FROM world.add_on b
      WHERE b.contract = a.contract AND b.key = a.key AND b.number > a.number AND (b.step < known OR known IS NULL)
   ) later
   WHERE a.contract = of_contract AND a.day < later.day AND (a.step < known OR known IS NULL)
$$;
CREATE FUNCTION world.cost(of_plan text, feature_key text, of_currency text, units numeric) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT round(least(greatest(units - free, 0), tier) * first + greatest(units - free - tier, 0) * further)
    FROM world.price WHERE plan = of_plan AND feature = feature_key AND currency = of_currency
$$;
-- As lines, one for each tier: these are cut, and get what is missing of the whole by the largest remainder.
CREATE FUNCTION world.cost_lines(of_plan text, feature_key text, of_currency text, units numeric) RETURNS TABLE (part int, amount numeric) LANGUAGE sql STABLE AS $$
  WITH tier AS (
    SELECT x.part, x.amount FROM world.price p
     CROSS JOIN LATERAL (VALUES (1, least(greatest(units - p.free, 0), p.tier) * p.first), (2, greatest(units - p.free - p.tier, 0) * p.further)) x (part, amount)
     WHERE p.plan = of_plan AND p.feature = feature_key AND p.currency = of_currency
  )
  SELECT t.part, floor(t.amount) + CASE WHEN row_number() OVER (ORDER BY t.amount - floor(t.amount) DESC, t.part)
                                             <= world.cost(of_plan, feature_key, of_currency, units) - sum(floor(t.amount)) OVER () THEN 1 ELSE 0 END
    FROM tier t WHERE feature_key <> 'bytes'
  UNION ALL
  SELECT 1, world.cost(of_plan, feature_key, of_currency, units) WHERE feature_key = 'bytes'
$$;

-- The tax on a day where somebody is: a country, or a country and how it is treated. No row: none is known.
CREATE FUNCTION world.tax_on(place text, of_category text, day date) RETURNS TABLE (percent numeric, contained boolean) LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN place ~ ' ' THEN 0 ELSE t.percent END, place !~ ' ' AND t.contained
    FROM (SELECT) one
    LEFT JOIN LATERAL (
      SELECT t.percent, t.contained FROM world.tax t
       WHERE t.country = split_part(place, ' ', 1) AND t.category = of_category AND t.since <= day ORDER BY t.since DESC LIMIT 1
    ) t ON true
   WHERE place ~ ' ' OR t.percent IS NOT NULL
$$;

-- What was consumed of a counter that holds today, and whether more may be: within what is included, or while the cap holds all usage of the period.
CREATE TABLE world.consumption (tenant uuid, counter date, feature text, units numeric, PRIMARY KEY (tenant, counter, feature));
CREATE FUNCTION world.counter_today(of_contract int) RETURNS date LANGUAGE sql STABLE AS $$
  SELECT lower(w) FROM world.contract c JOIN saas.tenants t ON t.id = c.tenant CROSS JOIN LATERAL world.wholes(c, world.cycle(c), 1) w
   WHERE c.number = of_contract AND (now() AT TIME ZONE t.time_zone)::date <@ w
$$;
CREATE FUNCTION world.may_consume(of_contract int, of_feature text, more numeric) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT bool_or(p.feature = of_feature AND coalesce(u.units, 0) + more <= p.free) OR bool_and(t.cap IS NULL)
         OR sum(world.cost(p.plan, p.feature, p.currency, coalesce(u.units, 0) + CASE p.feature WHEN of_feature THEN more ELSE 0 END)) <= max(t.cap)
    FROM world.contract c JOIN world.tenant t ON t.id = c.tenant
   CROSS JOIN LATERAL (SELECT x.plan FROM world.terms x WHERE x.contract = c.number ORDER BY x.number DESC LIMIT 1) terms
    JOIN world.price p ON p.plan = terms.plan AND p.currency = t.currency
    LEFT JOIN world.consumption u ON u.tenant = c.tenant AND u.counter = world.counter_today(c.number) AND u.feature = p.feature
   WHERE c.number = of_contract
$$;
CREATE FUNCTION world.consumed(of_contract int, of_feature text, more numeric) RETURNS void LANGUAGE sql AS $$
  INSERT INTO world.consumption AS u SELECT c.tenant, world.counter_today(c.number), of_feature, more FROM world.contract c WHERE c.number = of_contract
  ON CONFLICT (tenant, counter, feature) DO UPDATE SET units = u.units + more
$$;
