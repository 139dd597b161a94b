-- What each invoice of the year charges, before discounts, taxes and credits: the recount's first half.
CREATE TABLE world.mistake (tenant uuid, told text);
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
-- The fees that were charged in advance, and by which invoice last.
CREATE TABLE world.fee (contract int, first date, last date, whole daterange, step int, invoice uuid, PRIMARY KEY (contract, first));
CREATE INDEX ON world.fee (invoice);
-- Changes of terms and add-ons that were charged by themselves, by their step.
CREATE TABLE world.alone (step int PRIMARY KEY, invoice uuid);
-- Events with the counter that they belong to: the month, or the contract's own.
CREATE TABLE world.counted_event (tenant uuid, feature text, counter date, step int, units numeric);
CREATE INDEX ON world.counted_event (tenant, feature, counter);

-- Both sides of a change, for the days from one to another of a fee's.
CREATE FUNCTION world.add_change(of_invoice uuid, change world.terms, whole daterange, since date, until date, of_currency text, taxed_on date) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO world.charge
  SELECT of_invoice, 3, 'proration', CASE WHEN o.plan <> change.plan THEN 'subscription' ELSE 'seat' END, NULL, since, change.number,
         side.sign * round((CASE WHEN o.plan <> change.plan THEN x.base ELSE 0 END + x.seat * greatest(side.seats - s.included, 0))
                           * (until - since) / (upper(whole) - lower(whole))), 'standard', taxed_on, true
    FROM (SELECT * FROM world.terms t WHERE t.contract = change.contract AND t.number < change.number ORDER BY t.number DESC LIMIT 1) o
   CROSS JOIN LATERAL (VALUES (-1, o.plan, o.seats), (1, change.plan, change.seats)) side (sign, plan, seats)
    JOIN world.plan s ON s.key = side.plan JOIN world.plan_price x ON x.plan = side.plan AND x.currency = of_currency
$$;

-- The add-ons of days that a plan has.
CREATE FUNCTION world.add_add_ons(of_invoice uuid, of_contract int, of_plan text, whole daterange, since date, until date, of_currency text, known int) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO world.charge
  SELECT of_invoice, 6, 'add_on', NULL, NULL, own.first, a.number, round(x.price * a.quantity * (own.last - own.first) / (upper(whole) - lower(whole))), 'standard',
         CASE WHEN known IS NULL THEN own.last - 1 ELSE own.first END, false
    FROM world.add_on_days(of_contract, known) a
    JOIN world.add_on_price x ON x.plan = of_plan AND x.key = a.key AND x.currency = of_currency
   CROSS JOIN LATERAL (SELECT greatest(a.first, since) AS first, least(a.next, until) AS last) own
   WHERE own.first < own.last AND a.quantity > 0
$$;

-- The base fee and the seats by the terms before the first change that is charged in these days, and both sides of each change. Returns what is
-- due at least, each day by its own plan. Known: in advance, by what was written down before this step; charged as on the first day of each line.
-- Without an invoice nothing is charged.
CREATE FUNCTION world.add_fees(of_invoice uuid, of_contract int, whole daterange, used_first date, used_last date, of_currency text, known int) RETURNS numeric
LANGUAGE plpgsql AS $$
DECLARE
  at_least numeric := 0;
  since date := used_first;
  length numeric := upper(whole) - lower(whole);
  days numeric := used_last - used_first;
  plan_since date := used_first;
  taxed_on date := CASE WHEN known IS NULL THEN used_last - 1 ELSE used_first END;
  terms world.terms;
  change world.terms;
  first_terms world.terms;
  p record;
BEGIN
  IF used_first >= used_last THEN RETURN 0; END IF;
  SELECT * INTO terms FROM world.terms t WHERE t.contract = of_contract AND t.day <= CASE WHEN known IS NULL THEN used_last - 1 ELSE used_first END
     AND (t.step < known OR known IS NULL) ORDER BY t.number DESC LIMIT 1;
  FOR change IN SELECT * FROM world.terms t WHERE t.contract = of_contract AND t.charged AND t.day >= used_first AND t.day < used_last
                   AND (t.step < known OR known IS NULL) ORDER BY t.number LOOP
    SELECT * INTO terms FROM world.terms t WHERE t.contract = of_contract AND t.number < change.number ORDER BY t.number DESC LIMIT 1;
    first_terms := coalesce(first_terms, terms);
    at_least := at_least + (SELECT round(x.least * (change.day - since) / length) FROM world.plan_price x WHERE x.plan = terms.plan AND x.currency = of_currency);
    since := change.day;
    PERFORM world.add_change(of_invoice, change, whole, change.day, used_last, of_currency, CASE WHEN known IS NULL THEN used_last - 1 ELSE change.day END);
    IF terms.plan <> change.plan THEN
      PERFORM world.add_add_ons(of_invoice, of_contract, terms.plan, whole, plan_since, change.day, of_currency, known);
      plan_since := change.day;
    END IF;
    terms := change;
  END LOOP;
  PERFORM world.add_add_ons(of_invoice, of_contract, terms.plan, whole, plan_since, used_last, of_currency, known);
  first_terms := coalesce(first_terms, terms);
  at_least := at_least + (SELECT round(x.least * (used_last - since) / length) FROM world.plan_price x WHERE x.plan = terms.plan AND x.currency = of_currency);
  SELECT x.base, x.seat * greatest(first_terms.seats - s.included, 0) AS seats INTO p
    FROM world.plan s JOIN world.plan_price x ON x.plan = s.key AND x.currency = of_currency WHERE s.key = first_terms.plan;
  INSERT INTO world.charge VALUES
    (of_invoice, 1, 'subscription', NULL, NULL, used_first, NULL, round(p.base * days / length), 'standard', taxed_on, true),
    (of_invoice, 2, 'seat', NULL, NULL, used_first, NULL, round(p.seats * days / length), 'standard', taxed_on, true);
  DELETE FROM world.charge c WHERE c.invoice IS NULL;
  RETURN at_least;
END $$;

CREATE FUNCTION world.is_alone(t world.terms, being int) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT t.number IS NOT DISTINCT FROM being OR EXISTS (SELECT FROM world.alone a WHERE a.step = t.step)
$$;

-- The set-up fees of a contract: the first day that is paid for owes that of its plan, a dearer plan the difference on its day. What the
-- contract before owed counts where it goes on. In advance the first day owes by the terms of its fee: changes of that day which are charged
-- by themselves (one is being charged now) come after it, and those that come later are not known yet.
CREATE FUNCTION world.setups(of_contract int, of_currency text, being int DEFAULT NULL, at_step int DEFAULT 2147483647) RETURNS TABLE (day date, amount numeric, change int) LANGUAGE sql STABLE AS $$
  WITH RECURSIVE chain AS (
    SELECT c.* FROM world.contract c WHERE c.number = of_contract
    UNION ALL
    SELECT o.* FROM chain c JOIN world.contract o ON o.number = c.goes_on_from
  ), paid AS (
    SELECT c.number, greatest(c.first_day, c.trial_end) AS first, coalesce(c.ended, 'infinity') AS last FROM chain c
  ), steps AS (
    SELECT k.number, 0 AS turn, k.first AS day,
           (SELECT t.plan FROM world.terms t WHERE t.contract = k.number AND t.day <= k.first AND t.step < at_step AND NOT (t.day = k.first AND world.is_alone(t, being)) ORDER BY t.number DESC LIMIT 1)
      FROM paid k WHERE k.first < k.last
    UNION ALL
    SELECT k.number, t.number, t.day, t.plan FROM paid k JOIN world.terms t ON t.contract = k.number AND t.day < k.last AND t.step < at_step
       AND (t.day > k.first OR t.day = k.first AND world.is_alone(t, being))
  ), owed AS (
    SELECT s.number, s.day, s.turn, x.setup,
           coalesce(max(x.setup) OVER (ORDER BY s.number, s.turn ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
      FROM steps s JOIN world.plan_price x ON x.plan = s.plan AND x.currency = of_currency
  )
  SELECT o.day, o.setup - o.before, o.turn FROM owed o WHERE o.number = of_contract AND o.setup > o.before
$$;

CREATE FUNCTION world.units(of_tenant uuid, of_feature text, of_counter date, before int) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(e.units), 0) FROM world.counted_event e
   WHERE e.tenant = of_tenant AND e.feature = of_feature AND e.counter = of_counter AND e.step < before
$$;
CREATE FUNCTION world.category(feature text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE feature WHEN 'bytes' THEN 'reduced' ELSE 'standard' END
$$;

-- Until when a contract's fees in advance are charged, and whether it was known at a step to end by a day.
CREATE FUNCTION world.charged_until(c world.contract) RETURNS date LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(f.last), greatest(c.first_day, c.trial_end)) FROM world.fee f WHERE f.contract = c.number
$$;
CREATE FUNCTION world.ends_by(c world.contract, day date, at_step int) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT e.day <= ends_by.day FROM world.ending e WHERE e.contract = c.number AND e.step < at_step ORDER BY e.step DESC LIMIT 1), false)
$$;

-- The next fee in advance, with the set-up fees of its days. Returns the day on which it ends.
CREATE FUNCTION world.add_fee(o world.op, c world.contract, of_currency text) RETURNS date LANGUAGE plpgsql AS $$
DECLARE
  since date := world.charged_until(c);
  whole daterange := world.fee_whole(c, since);
BEGIN
  IF world.ends_by(c, since, o.step) THEN
    INSERT INTO world.mistake VALUES (o.tenant, format('a fee from %s of contract %s, which ends', since, c.number));
  END IF;
  PERFORM world.add_fees(o.invoice, c.number, whole, since, upper(whole), of_currency, o.step);
  INSERT INTO world.charge
  SELECT o.invoice, 7, 'setup', NULL, NULL, since, NULL, f.amount, 'standard', since, false FROM world.setups(c.number, of_currency, NULL, o.step) f
   WHERE f.day >= since AND f.day < upper(whole);
  INSERT INTO world.fee VALUES (c.number, since, upper(whole), whole, o.step, o.invoice);
  RETURN upper(whole);
END $$;

-- What an invoice charges in advance by itself: fees, or the last change of days that are charged already.
CREATE FUNCTION world.add_alone(o world.op, c world.contract, reason text, days daterange, of_currency text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  change world.terms;
  add_on world.add_on;
  until date := lower(days);
BEGIN
  IF reason = 'advance' THEN
    IF until <> world.charged_until(c) THEN
      INSERT INTO world.mistake VALUES (o.tenant, format('fees of contract %s from %s, not from %s', c.number, until, world.charged_until(c)));
    END IF;
    WHILE until < upper(days) LOOP
      until := world.add_fee(o, c, of_currency);
    END LOOP;
  ELSE
    SELECT * INTO change FROM world.terms t WHERE t.contract = c.number AND t.step < o.step ORDER BY t.number DESC LIMIT 1;
    SELECT * INTO add_on FROM world.add_on a WHERE a.contract = c.number AND a.step < o.step ORDER BY a.number DESC LIMIT 1;
    IF add_on.step > change.step THEN
      IF add_on.day <> until OR NOT add_on.at_once THEN
        INSERT INTO world.mistake VALUES (o.tenant, format('an add-on of contract %s on %s', c.number, until));
      END IF;
      INSERT INTO world.charge
      SELECT o.invoice, 6, 'add_on', NULL, NULL, own.first, add_on.number,
             round(x.price * (add_on.quantity - coalesce(b.quantity, 0)) * (f.last - own.first) / (upper(f.whole) - lower(f.whole))), 'standard', own.first, false
        FROM world.fee f
       CROSS JOIN LATERAL (SELECT greatest(f.first, add_on.day) AS first) own
        JOIN world.add_on_price x ON x.plan = change.plan AND x.key = add_on.key AND x.currency = of_currency
        LEFT JOIN LATERAL (SELECT * FROM world.add_on_days(c.number, add_on.step) d WHERE d.key = add_on.key AND own.first >= d.first AND own.first < d.next) b ON true
       WHERE f.contract = c.number AND f.last > add_on.day;
      INSERT INTO world.alone VALUES (add_on.step, o.invoice);
    ELSE
      IF change.day <> until OR NOT change.charged THEN
        INSERT INTO world.mistake VALUES (o.tenant, format('a change of contract %s on %s', c.number, until));
      END IF;
      PERFORM world.add_change(o.invoice, change, f.whole, greatest(f.first, change.day), f.last, of_currency, greatest(f.first, change.day))
         FROM world.fee f WHERE f.contract = c.number AND f.last > change.day;
      INSERT INTO world.charge
      SELECT o.invoice, 7, 'setup', NULL, NULL, change.day, NULL, f.amount, 'standard', change.day, false
        FROM world.setups(c.number, of_currency, change.number, o.step) f WHERE f.change = change.number;
      INSERT INTO world.alone VALUES (change.step, o.invoice);
    END IF;
    until := world.charged_until(c);
  END IF;
  IF until <> upper(days) THEN
    INSERT INTO world.mistake VALUES (o.tenant, format('%s of contract %s until %s, not until %s', reason, c.number, upper(days), until));
  END IF;
END $$;

-- What was not charged that should have been: fees of days that are over or have begun, and changes within charged days.
CREATE FUNCTION world.uncharged(of_currency text, c world.contract) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT format('fees of contract %s only until %s', c.number, world.charged_until(c))
   WHERE (world.kind(c)).ahead
     AND CASE WHEN c.ended IS NOT NULL THEN greatest(c.first_day, c.trial_end) < c.ended AND world.charged_until(c) < c.ended
              ELSE NOT world.ends_by(c, world.charged_until(c), 2147483647)
                   AND world.charged_until(c) <= (SELECT max(p.last) FROM world.piece p WHERE p.contract = c.number)
                                                 - CASE WHEN EXISTS (SELECT FROM world.fee f WHERE f.contract = c.number) THEN 0 ELSE 1 END END
  UNION ALL
  SELECT format('the change of contract %s on %s', c.number, t.day) FROM world.terms t
   WHERE t.contract = c.number AND t.charged AND (world.kind(c)).ahead AND NOT EXISTS (SELECT FROM world.alone a WHERE a.step = t.step)
     AND EXISTS (SELECT FROM world.fee f WHERE f.contract = c.number AND f.step < t.step AND f.last > t.day)
     AND EXISTS (
       SELECT FROM (SELECT * FROM world.terms b WHERE b.contract = c.number AND b.number < t.number ORDER BY b.number DESC LIMIT 1) b
         JOIN LATERAL (VALUES (b.plan, b.seats), (t.plan, t.seats)) side (plan, seats) ON true
         JOIN world.plan s ON s.key = side.plan JOIN world.plan_price x ON x.plan = side.plan AND x.currency = of_currency
        WHERE CASE WHEN b.plan <> t.plan THEN x.base ELSE 0 END + x.seat * greatest(side.seats - s.included, 0) > 0)
  UNION ALL
  SELECT format('the add-on %s of contract %s on %s', t.key, c.number, t.day) FROM world.add_on t
   WHERE t.contract = c.number AND t.at_once AND (world.kind(c)).ahead AND NOT EXISTS (SELECT FROM world.alone a WHERE a.step = t.step)
     AND EXISTS (SELECT FROM world.fee f WHERE f.contract = c.number AND f.step < t.step AND f.last > t.day)
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
  is_ahead boolean;
BEGIN
  -- What came after its counter was billed, of counters until this one: the price of all, less the price of what was billed.
  FOR late IN SELECT k.*, world.units(o.tenant, k.feature, k.counter, o.step) AS now FROM world.counted k
               WHERE k.tenant = o.tenant AND k.counter <= coalesce(piece.counter, 'infinity') LOOP
    INSERT INTO world.charge
    SELECT o.invoice, 8, 'adjustment', NULL, late.feature, late.counter, NULL,
           world.cost(late.plan, late.feature, of_currency, late.now) - world.cost(late.plan, late.feature, of_currency, late.units),
           world.category(late.feature), late.counter_end - 1, late.counter = piece.counter
     WHERE late.now <> late.units;
    UPDATE world.counted k SET units = late.now WHERE (k.tenant, k.counter, k.feature) = (o.tenant, late.counter, late.feature);
  END LOOP;
  IF piece.contract IS NULL THEN RETURN; END IF;
  SELECT * INTO c FROM world.contract k WHERE k.number = piece.contract;
  is_ahead := (world.kind(c)).ahead;
  terms := world.terms_on(c.number, greatest(least(piece.last, c.ended) - 1, c.first_day));
  -- The counter's usage is on its first invoice; its last period says by which plan more is rated.
  FOREACH metered IN ARRAY ARRAY['calls', 'bytes'] LOOP
    IF EXISTS (SELECT FROM world.counted k WHERE k.tenant = o.tenant AND k.counter = piece.counter AND k.feature = metered) THEN
      UPDATE world.counted k SET plan = terms.plan, first = piece.first, last = piece.last
       WHERE k.tenant = o.tenant AND k.counter = piece.counter AND k.feature = metered AND (k.last, k.first) < (piece.last, piece.first);
    ELSE
      units := world.units(o.tenant, metered, piece.counter, o.step);
      INSERT INTO world.charge
      SELECT o.invoice, 4, 'usage', NULL, metered, piece.first, l.part, l.amount, world.category(metered), piece.last - 1, true
        FROM world.cost_lines(terms.plan, metered, of_currency, units) l;
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
    at_least := world.add_fees(CASE WHEN NOT is_ahead THEN o.invoice END, c.number, fee.whole, greatest(lower(fee.whole), fee.since, c.first_day, c.trial_end),
                               least(upper(fee.whole), piece.last, c.ended), of_currency, NULL);
    CONTINUE WHEN at_least = 0;
    -- Of a year what its earlier months charged, too.
    SELECT coalesce(sum(k.amount), 0) INTO charged FROM world.charge k
     WHERE k.invoice = o.invoice AND k.own AND CASE k.kind WHEN 'adjustment' THEN piece.first ELSE k.first END BETWEEN lower(fee.whole) AND upper(fee.whole) - 1;
    charged := charged + (
      SELECT coalesce(sum(k.amount), 0) FROM world.charge k
        JOIN (SELECT DISTINCT ON (w.first) w.invoice FROM world.wanted w
               WHERE w.contract = c.number AND w.reason = 'period' AND w.first >= fee.since AND w.first < piece.first
               ORDER BY w.first, w.number DESC) w ON w.invoice = k.invoice
       WHERE k.kind = 'usage' OR NOT is_ahead AND k.kind IN ('subscription', 'seat', 'proration'));
    -- In advance, what was charged for its days before, whether that was voided to be made again or not.
    charged := charged + (
      SELECT coalesce(sum(k.amount), 0) FROM world.charge k JOIN world.wanted w ON w.invoice = k.invoice
       WHERE is_ahead AND w.contract = c.number AND NOT w.replaced AND k.kind IN ('subscription', 'seat', 'proration')
         AND k.first BETWEEN lower(fee.whole) AND upper(fee.whole) - 1);
    INSERT INTO world.charge
    SELECT o.invoice, 5, 'minimum', NULL, NULL, greatest(lower(fee.whole), fee.since, c.first_day, c.trial_end), NULL, at_least - charged, 'standard',
           least(upper(fee.whole), piece.last, c.ended) - 1, false
     WHERE at_least > charged;
  END LOOP;
  -- In advance what begins when the period is over, unless it was known to be the last.
  IF is_ahead THEN
    IF world.charged_until(c) = piece.last AND NOT (c.trial_end > c.first_day AND c.trial_end >= piece.last) AND NOT world.ends_by(c, piece.last, o.step) THEN
      PERFORM world.add_fee(o, c, of_currency);
    END IF;
    RETURN;
  END IF;
  -- With the first period that ends after its day.
  INSERT INTO world.charge
  SELECT o.invoice, 7, 'setup', NULL, NULL, piece.first, NULL, f.amount, 'standard', piece.last - 1, false FROM world.setups(c.number, of_currency) f
   WHERE f.day < piece.last AND NOT EXISTS (SELECT FROM world.piece e WHERE e.contract = c.number AND e.first < piece.first AND e.last > f.day);
END $$;
