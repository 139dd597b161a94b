-- What each invoice of the year charges, before discounts, taxes and credits: the recount's first half.
CREATE TABLE world.piece (contract int, tenant uuid, subscription uuid, counter date, counter_end date, first date, last date, PRIMARY KEY (contract, first), UNIQUE (subscription, first));
-- Kinds and their order are those of invoice lines; what is prorated stands for the fee or for the seats. Own: counts for the minimum.
CREATE TABLE world.charge (
  invoice uuid, rank int, kind text, stands_for text, feature text, first date, source int, amount numeric, category text, taxed_on date, own boolean
);
CREATE INDEX ON world.charge (invoice);
-- Of each counter what was billed of a feature until now, and by the plan of its last period.
CREATE TABLE world.counted (
  tenant uuid, counter date, counter_end date, feature text, units numeric, plan text, first date, last date, PRIMARY KEY (tenant, counter, feature)
);
-- Events with the counter that they belong to: the month, or the contract's own.
CREATE TABLE world.counted_event (tenant uuid, feature text, counter date, step int, units numeric);
CREATE INDEX ON world.counted_event (tenant, feature, counter);

-- The base fee and the seats by the terms before the first change that is charged in these days, and both sides of each change. Returns what is
-- due at least, each day by its own plan.
CREATE FUNCTION world.add_fees(of_invoice uuid, of_contract int, whole daterange, used_first date, used_last date, of_currency text) RETURNS numeric
LANGUAGE plpgsql AS $$
DECLARE
  at_least numeric := 0;
  since date := used_first;
  length numeric := upper(whole) - lower(whole);
  days numeric := used_last - used_first;
  terms world.terms;
  change world.terms;
  first_terms world.terms;
  p record;
BEGIN
  IF used_first >= used_last THEN RETURN 0; END IF;
  terms := world.terms_on(of_contract, used_last - 1);
  FOR change IN SELECT * FROM world.terms t WHERE t.contract = of_contract AND t.charged AND t.day >= used_first AND t.day < used_last ORDER BY t.number LOOP
    SELECT * INTO terms FROM world.terms t WHERE t.contract = of_contract AND t.number < change.number ORDER BY t.number DESC LIMIT 1;
    first_terms := coalesce(first_terms, terms);
    at_least := at_least + (SELECT round(x.least * (change.day - since) / length) FROM world.plan_price x WHERE x.plan = terms.plan AND x.currency = of_currency);
    since := change.day;
    INSERT INTO world.charge
    SELECT of_invoice, 3, 'proration', CASE WHEN terms.plan <> change.plan THEN 'subscription' ELSE 'seat' END, NULL, change.day, change.number,
           side.sign * round((CASE WHEN terms.plan <> change.plan THEN x.base ELSE 0 END + x.seat * greatest(side.seats - s.included, 0)) * (used_last - change.day) / length),
           'standard', used_last - 1, true
      FROM (VALUES (-1, terms.plan, terms.seats), (1, change.plan, change.seats)) side (sign, plan, seats)
      JOIN world.plan s ON s.key = side.plan JOIN world.plan_price x ON x.plan = side.plan AND x.currency = of_currency;
    terms := change;
  END LOOP;
  first_terms := coalesce(first_terms, terms);
  at_least := at_least + (SELECT round(x.least * (used_last - since) / length) FROM world.plan_price x WHERE x.plan = terms.plan AND x.currency = of_currency);
  SELECT x.base, x.seat * greatest(first_terms.seats - s.included, 0) AS seats INTO p
    FROM world.plan s JOIN world.plan_price x ON x.plan = s.key AND x.currency = of_currency WHERE s.key = first_terms.plan;
  INSERT INTO world.charge VALUES
    (of_invoice, 1, 'subscription', NULL, NULL, used_first, NULL, round(p.base * days / length), 'standard', used_last - 1, true),
    (of_invoice, 2, 'seat', NULL, NULL, used_first, NULL, round(p.seats * days / length), 'standard', used_last - 1, true);
  RETURN at_least;
END $$;

-- The set-up fees of a contract: the first day that is paid for owes that of its plan, a dearer plan the difference on its day. What the
-- contract before owed counts where it goes on.
CREATE FUNCTION world.setups(of_contract int, of_currency text) RETURNS TABLE (day date, amount numeric) LANGUAGE sql STABLE AS $$
  WITH RECURSIVE chain AS (
    SELECT c.* FROM world.contract c WHERE c.number = of_contract
    UNION ALL
    SELECT o.* FROM chain c JOIN world.contract o ON o.number = c.goes_on_from
  ), paid AS (
    SELECT c.number, greatest(c.first_day, c.trial_end) AS first, coalesce(c.ended, 'infinity') AS last FROM chain c
  ), steps AS (
    SELECT k.number, 0 AS turn, k.first AS day, (world.terms_on(k.number, k.first)).plan FROM paid k WHERE k.first < k.last
    UNION ALL
    SELECT k.number, t.number, t.day, t.plan FROM paid k JOIN world.terms t ON t.contract = k.number AND t.day > k.first AND t.day < k.last
  ), owed AS (
    SELECT s.number, s.day, x.setup,
           coalesce(max(x.setup) OVER (ORDER BY s.number, s.turn ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
      FROM steps s JOIN world.plan_price x ON x.plan = s.plan AND x.currency = of_currency
  )
  SELECT o.day, o.setup - o.before FROM owed o WHERE o.number = of_contract AND o.setup > o.before
$$;

CREATE FUNCTION world.units(of_tenant uuid, of_feature text, of_counter date, before int) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(e.units), 0) FROM world.counted_event e
   WHERE e.tenant = of_tenant AND e.feature = of_feature AND e.counter = of_counter AND e.step < before
$$;
CREATE FUNCTION world.category(feature text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE feature WHEN 'bytes' THEN 'reduced' ELSE 'standard' END
$$;

-- What an invoice charges for a period, or without one for late usage.
CREATE FUNCTION world.add_charges(o world.op, piece world.piece, of_currency text) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  c world.contract;
  terms world.terms;
  fee record;
  at_least numeric;
  charged numeric;
  late record;
  metered text;
  units numeric;
BEGIN
  -- What came after its counter was billed, of counters until this one: the price of all, less the price of what was billed.
  FOR late IN SELECT k.*, world.units(o.tenant, k.feature, k.counter, o.step) AS now FROM world.counted k
               WHERE k.tenant = o.tenant AND k.counter <= coalesce(piece.counter, 'infinity') LOOP
    INSERT INTO world.charge
    SELECT o.invoice, 7, 'adjustment', NULL, late.feature, late.counter, NULL,
           world.cost(late.plan, late.feature, of_currency, late.now) - world.cost(late.plan, late.feature, of_currency, late.units),
           world.category(late.feature), late.counter_end - 1, late.counter = piece.counter
     WHERE late.now <> late.units;
    UPDATE world.counted k SET units = late.now WHERE (k.tenant, k.counter, k.feature) = (o.tenant, late.counter, late.feature);
  END LOOP;
  IF piece.contract IS NULL THEN RETURN; END IF;
  SELECT * INTO c FROM world.contract k WHERE k.number = piece.contract;
  terms := world.terms_on(c.number, greatest(least(piece.last, c.ended) - 1, c.first_day));
  -- The counter's usage is on its first invoice; its last period says by which plan more is rated.
  FOREACH metered IN ARRAY ARRAY['calls', 'bytes'] LOOP
    IF EXISTS (SELECT FROM world.counted k WHERE k.tenant = o.tenant AND k.counter = piece.counter AND k.feature = metered) THEN
      UPDATE world.counted k SET plan = terms.plan, first = piece.first, last = piece.last
       WHERE k.tenant = o.tenant AND k.counter = piece.counter AND k.feature = metered AND (k.last, k.first) < (piece.last, piece.first);
    ELSE
      units := world.units(o.tenant, metered, piece.counter, o.step);
      INSERT INTO world.charge VALUES (o.invoice, 4, 'usage', NULL, metered, piece.first, NULL, world.cost(terms.plan, metered, of_currency, units),
                                       world.category(metered), piece.last - 1, true);
      INSERT INTO world.counted VALUES (o.tenant, piece.counter, piece.counter_end, metered, units, terms.plan, piece.first, piece.last);
    END IF;
  END LOOP;
  -- The month's fee; of a year that ends with this period, or within it, the year's. Whether the contract ended, too, was not known yet where
  -- it left an empty period.
  FOR fee IN
    SELECT daterange(piece.counter, piece.counter_end) AS whole, piece.first AS since FROM world.plan p WHERE p.key = terms.plan AND p.every = 'monthly'
    UNION ALL
    SELECT w, lower(w) FROM world.plan p CROSS JOIN LATERAL world.wholes(c, 'year', 12) w
     WHERE p.key = terms.plan AND p.every = 'yearly' AND upper(w) > piece.first AND lower(w) < piece.last
       AND (upper(w) <= piece.last OR CASE WHEN c.leaves_empty THEN piece.first = c.ended ELSE c.ended <= piece.last END)
  LOOP
    at_least := world.add_fees(o.invoice, c.number, fee.whole, greatest(lower(fee.whole), fee.since, c.first_day, c.trial_end),
                               least(upper(fee.whole), piece.last, c.ended), of_currency);
    CONTINUE WHEN at_least = 0;
    -- Of a year what its earlier months charged, too.
    SELECT coalesce(sum(k.amount), 0) INTO charged FROM world.charge k
     WHERE k.invoice = o.invoice AND k.own AND CASE k.kind WHEN 'adjustment' THEN piece.first ELSE k.first END BETWEEN lower(fee.whole) AND upper(fee.whole) - 1;
    charged := charged + (
      SELECT coalesce(sum(k.amount), 0) FROM world.charge k
        JOIN (SELECT DISTINCT ON (w.first) w.invoice FROM world.wanted w
               WHERE w.contract = c.number AND w.first >= fee.since AND w.first < piece.first ORDER BY w.first, w.number DESC) w ON w.invoice = k.invoice
       WHERE k.kind IN ('subscription', 'seat', 'proration', 'usage'));
    INSERT INTO world.charge
    SELECT o.invoice, 5, 'minimum', NULL, NULL, greatest(lower(fee.whole), fee.since, c.first_day, c.trial_end), NULL, at_least - charged, 'standard',
           least(upper(fee.whole), piece.last, c.ended) - 1, false
     WHERE at_least > charged;
  END LOOP;
  -- With the first period that ends after its day.
  INSERT INTO world.charge
  SELECT o.invoice, 6, 'setup', NULL, NULL, piece.first, NULL, f.amount, 'standard', piece.last - 1, false FROM world.setups(c.number, of_currency) f
   WHERE f.day < piece.last AND NOT EXISTS (SELECT FROM world.piece e WHERE e.contract = c.number AND e.first < piece.first AND e.last > f.day);
END $$;
