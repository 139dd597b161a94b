-- What a simulated year is made of, written down by who plays it: plain tables, of which the recount makes the invoices once more.
CREATE SCHEMA world;
CREATE TABLE world.plan (
  key text PRIMARY KEY, cycle text NOT NULL, every text NOT NULL, base numeric NOT NULL, seat numeric NOT NULL, included int NOT NULL,
  setup numeric NOT NULL, least numeric NOT NULL
);
-- So many units free, so many at one price, the rest at another.
CREATE TABLE world.price (plan text, feature text, free numeric, first numeric, tier numeric, further numeric, PRIMARY KEY (plan, feature));
CREATE TABLE world.tenant (id uuid PRIMARY KEY, number int NOT NULL, tax text NOT NULL);
CREATE TABLE world.contract (number int PRIMARY KEY, tenant uuid NOT NULL, id uuid NOT NULL, first_day date NOT NULL, trial_end date NOT NULL, ended date);
CREATE TABLE world.terms (contract int, number serial, day date, plan text, seats int, charged boolean, PRIMARY KEY (contract, number));
CREATE TABLE world.pause (contract int, first_day date, until date);
-- Where months are those of a contract, which one it is.
CREATE TABLE world.event (tenant uuid, id text, feature text, day date, units numeric, step int, contract int, PRIMARY KEY (tenant, id));
-- In their order: grant, spend, coupon, invoice, reissue, void, note.
CREATE TABLE world.op (
  number serial PRIMARY KEY, step int NOT NULL, tenant uuid NOT NULL, kind text NOT NULL, amount numeric, percent numeric, times int, day date, invoice uuid
);
CREATE INDEX ON world.op (tenant, number);
CREATE INDEX ON world.event (tenant, feature);
CREATE INDEX ON world.terms (contract, day);

-- The months or years of a contract, each from its anchor.
CREATE FUNCTION world.wholes(c world.contract, cycle text, months int) RETURNS SETOF daterange LANGUAGE sql STABLE AS $$
  SELECT daterange((k.origin + make_interval(months => n * months))::date, (k.origin + make_interval(months => (n + 1) * months))::date)
    FROM (SELECT CASE WHEN cycle = 'calendar' AND months = 1 THEN date_trunc('month', c.first_day)::date ELSE c.first_day END AS origin) k,
         generate_series(0, 30) n
$$;

-- The periods that are billed before a day: whole months of the contract, cut by its beginning and by pauses.
CREATE FUNCTION world.pieces(before date)
RETURNS TABLE (contract int, tenant uuid, subscription uuid, counter date, counter_end date, first date, last date) LANGUAGE sql STABLE AS $$
  SELECT c.number, c.tenant, c.id, lower(w), upper(w), lower(piece), upper(piece)
    FROM world.contract c
   CROSS JOIN LATERAL (SELECT p.cycle FROM world.terms t JOIN world.plan p ON p.key = t.plan WHERE t.contract = c.number ORDER BY t.number LIMIT 1) terms
   CROSS JOIN LATERAL world.wholes(c, terms.cycle, 1) w
   CROSS JOIN LATERAL (
     SELECT unnest(datemultirange(daterange(greatest(lower(w), c.first_day), upper(w)))
                   - coalesce((SELECT range_agg(daterange(p.first_day, p.until)) FROM world.pause p WHERE p.contract = c.number), '{}')) AS piece
   ) cut
   WHERE lower(piece) < before AND (c.ended IS NULL OR lower(piece) < c.ended)
$$;

CREATE FUNCTION world.terms_on(of_contract int, on_day date) RETURNS world.terms LANGUAGE sql STABLE AS $$
  SELECT t FROM world.terms t WHERE t.contract = of_contract AND t.day <= on_day ORDER BY t.number DESC LIMIT 1
$$;
CREATE FUNCTION world.cost(of_plan text, feature_key text, units numeric) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT round(least(greatest(units - free, 0), tier) * first + greatest(units - free - tier, 0) * further)
    FROM world.price WHERE plan = of_plan AND feature = feature_key
$$;

-- What a tax was on a day, in percent; DE charges it beside the prices, FR within them.
CREATE FUNCTION world.rate(tax text, day date) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN tax = 'DE' AND day < '2024-07-01' THEN 19 WHEN tax = 'DE' THEN 16 WHEN tax = 'FR' THEN 20 ELSE 0 END
$$;
