-- The year's invoices once more, in arithmetic that has nothing of the extension's, from what was written down: tenant by tenant, in the
-- order of what happened. Of the invoices that were made it reads which contract and period they are for, and nothing else.
CREATE TABLE world.piece (contract int, tenant uuid, subscription uuid, counter date, counter_end date, first date, last date, PRIMARY KEY (contract, first));
CREATE TABLE world.charge (invoice uuid, what text, amount numeric, taxed_on date);
CREATE INDEX ON world.charge (invoice);
CREATE TABLE world.wanted (
  invoice uuid PRIMARY KEY, contract int, subscription numeric, usage numeric, other numeric, discount numeric, tax numeric,
  credit numeric, carried numeric, total numeric, is_void boolean NOT NULL DEFAULT false
);
CREATE TABLE world.balance (tenant uuid PRIMARY KEY, wanted numeric);
CREATE TABLE world.taken (invoice uuid, coupon int);
-- Of each counter what was billed of a feature until now, and by the plan of its last period.
CREATE TABLE world.counted (tenant uuid, counter date, counter_end date, feature text, units numeric, plan text, contract int, first date, last date, PRIMARY KEY (tenant, counter, feature));

-- The base fee and the seats by the terms before the first change that is charged in these days, and both sides of each change. Returns what is
-- due at least, each day by its own plan.
CREATE FUNCTION world.add_fees(of_invoice uuid, of_contract int, whole daterange, used_first date, used_last date) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  at_least numeric := 0;
  since date := used_first;
  length numeric := upper(whole) - lower(whole);
  old world.terms;
  new world.terms;
  p world.plan;
  began boolean := false;
BEGIN
  IF used_first >= used_last THEN RETURN 0; END IF;
  FOR new IN SELECT * FROM world.terms t WHERE t.contract = of_contract AND t.charged AND t.day >= used_first AND t.day < used_last ORDER BY t.number LOOP
    SELECT * INTO old FROM world.terms t WHERE t.contract = of_contract AND t.number < new.number ORDER BY t.number DESC LIMIT 1;
    SELECT * INTO p FROM world.plan WHERE key = old.plan;
    at_least := at_least + round(p.least * (new.day - since) / length);
    since := new.day;
    IF NOT began THEN
      INSERT INTO world.charge VALUES (of_invoice, 'subscription', round(p.base * (used_last - used_first) / length)
                                       + round(p.seat * greatest(old.seats - p.included, 0) * (used_last - used_first) / length), used_last - 1);
      began := true;
    END IF;
    INSERT INTO world.charge
    SELECT of_invoice, 'subscription',
           side.sign * round((CASE WHEN old.plan <> new.plan THEN s.base ELSE 0 END + s.seat * greatest(side.seats - s.included, 0)) * (used_last - new.day) / length),
           used_last - 1
      FROM (VALUES (-1, old.plan, old.seats), (1, new.plan, new.seats)) side (sign, plan, seats) JOIN world.plan s ON s.key = side.plan;
  END LOOP;
  old := world.terms_on(of_contract, used_last - 1);
  SELECT * INTO p FROM world.plan WHERE key = old.plan;
  at_least := at_least + round(p.least * (used_last - since) / length);
  IF NOT began THEN
    INSERT INTO world.charge VALUES (of_invoice, 'subscription', round(p.base * (used_last - used_first) / length)
                                     + round(p.seat * greatest(old.seats - p.included, 0) * (used_last - used_first) / length), used_last - 1);
  END IF;
  RETURN at_least;
END $$;

-- The set-up fees of a contract: the first day that is paid for owes that of its plan, a dearer plan the difference on its day.
CREATE FUNCTION world.setups(c world.contract) RETURNS TABLE (day date, amount numeric) LANGUAGE sql STABLE AS $$
  SELECT day, setup - owed FROM (
    SELECT day, setup, coalesce(max(setup) OVER (ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS owed
      FROM (SELECT 0 AS number, greatest(c.first_day, c.trial_end) AS day, (world.terms_on(c.number, greatest(c.first_day, c.trial_end))).plan AS plan
            UNION ALL
            SELECT t.number, t.day, t.plan FROM world.terms t WHERE t.contract = c.number AND t.day > greatest(c.first_day, c.trial_end)) t
      JOIN world.plan p ON p.key = t.plan
     WHERE t.day < coalesce(c.ended, 'infinity')) s
   WHERE setup > owed
$$;

CREATE FUNCTION world.units(of_tenant uuid, of_contract int, of_feature text, first date, next date, before int) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(units), 0) FROM world.event e
   WHERE e.tenant = of_tenant AND e.feature = of_feature AND e.day >= first AND e.day < next AND e.step < before
     AND (e.contract IS NULL OR e.contract = of_contract)
$$;

-- What an invoice charges, before discounts, taxes and credits.
CREATE FUNCTION world.add_charges(o world.op) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  piece world.piece;
  c world.contract;
  terms world.terms;
  p world.plan;
  year daterange;
  used_first date;
  used_last date;
  at_least numeric;
  missing numeric;
  late record;
  metered text;
  units numeric;
BEGIN
  SELECT k.* INTO piece FROM saas.payment_invoices i JOIN world.piece k ON k.subscription = i.subscription_id AND k.first = i.period_start WHERE i.id = o.invoice;
  IF FOUND THEN
    SELECT * INTO c FROM world.contract WHERE number = piece.contract;
    terms := world.terms_on(c.number, least(piece.last, c.ended) - 1);
    SELECT * INTO p FROM world.plan WHERE key = terms.plan;
    used_first := greatest(piece.first, c.trial_end);
    used_last := least(piece.last, c.ended);
    IF p.every = 'monthly' THEN
      at_least := world.add_fees(o.invoice, c.number, daterange(piece.counter, piece.counter_end), used_first, used_last);
    ELSE
      -- The year that ends with this month, or within it.
      FOR year IN SELECT w FROM world.wholes(c, 'year', 12) w WHERE upper(w) > piece.first AND upper(w) <= piece.last LOOP
        PERFORM world.add_fees(o.invoice, c.number, year, greatest(lower(year), c.trial_end), least(upper(year), c.ended));
      END LOOP;
    END IF;
    -- With the first period that ends after its day.
    INSERT INTO world.charge
    SELECT o.invoice, 'other', f.amount, piece.last - 1 FROM world.setups(c) f
     WHERE f.day < piece.last AND NOT EXISTS (SELECT FROM world.piece e WHERE e.contract = c.number AND e.first < piece.first AND e.last > f.day);
  END IF;
  -- What came after its counter was billed, of counters until this one: the price of all, less the price of what was billed.
  FOR late IN SELECT k.*, world.units(o.tenant, k.contract, k.feature, k.counter, k.counter_end, o.step) AS now FROM world.counted k
               WHERE k.tenant = o.tenant AND k.counter <= coalesce(piece.counter, 'infinity') LOOP
    INSERT INTO world.charge
    SELECT o.invoice, CASE WHEN late.counter = piece.counter THEN 'own late' ELSE 'other' END,
           world.cost(late.plan, late.feature, late.now) - world.cost(late.plan, late.feature, late.units), late.counter_end - 1
     WHERE late.now <> late.units;
    UPDATE world.counted k SET units = late.now WHERE (k.tenant, k.counter, k.feature) = (o.tenant, late.counter, late.feature);
  END LOOP;
  IF piece.contract IS NULL THEN RETURN; END IF;
  -- The counter's usage is on its first invoice; its last period says by which plan more is rated.
  FOREACH metered IN ARRAY ARRAY['calls', 'bytes'] LOOP
    IF EXISTS (SELECT FROM world.counted k WHERE k.tenant = o.tenant AND k.counter = piece.counter AND k.feature = metered) THEN
      UPDATE world.counted k SET plan = terms.plan, first = piece.first, last = piece.last
       WHERE k.tenant = o.tenant AND k.counter = piece.counter AND k.feature = metered AND (k.last, k.first) < (piece.last, piece.first);
    ELSE
      units := world.units(o.tenant, piece.contract, metered, piece.counter, piece.counter_end, o.step);
      INSERT INTO world.charge VALUES (o.invoice, 'usage', world.cost(terms.plan, metered, units), piece.last - 1);
      INSERT INTO world.counted VALUES (o.tenant, piece.counter, piece.counter_end, metered, units, terms.plan, piece.contract, piece.first, piece.last);
    END IF;
  END LOOP;
  IF at_least > 0 THEN
    SELECT at_least - coalesce(sum(amount), 0) INTO missing
      FROM world.charge k WHERE k.invoice = o.invoice AND k.what <> 'other';
    INSERT INTO world.charge SELECT o.invoice, 'other', missing, used_last - 1 WHERE missing > 0;
  END IF;
END $$;

CREATE FUNCTION world.recount(horizon date) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  o world.op;
  coupon world.op;
  w world.wanted;
  who world.tenant;
  balance numeric;
  charged numeric;
  left_over numeric;
  part numeric;
  again uuid;
BEGIN
  TRUNCATE world.piece, world.charge, world.wanted, world.balance, world.taken, world.counted;
  INSERT INTO world.piece SELECT * FROM world.pieces(horizon);
  FOR who IN SELECT * FROM world.tenant ORDER BY number LOOP
    balance := 0;
    FOR o IN SELECT * FROM world.op WHERE tenant = who.id ORDER BY number LOOP
      IF o.kind IN ('grant', 'note') THEN
        balance := balance + o.amount;
      ELSIF o.kind = 'spend' THEN
        balance := balance - o.amount;
        IF balance < 0 THEN RAISE EXCEPTION 'spent more than there is: %', o; END IF;
      ELSIF o.kind = 'void' THEN
        UPDATE world.wanted SET is_void = true WHERE invoice = o.invoice RETURNING * INTO w;
        balance := balance + w.credit - w.carried;
      ELSIF o.kind IN ('invoice', 'reissue') THEN
        IF o.kind = 'invoice' THEN
          PERFORM world.add_charges(o);
        ELSE
          -- What the void one charged, and of its coupons those that may still be used.
          SELECT v.id INTO again FROM saas.payment_invoices i JOIN saas.payment_invoices v
              ON v.subscription_id = i.subscription_id AND v.period_start = i.period_start AND v.status = 'void' AND v.id < i.id
           WHERE i.id = o.invoice ORDER BY v.id DESC LIMIT 1;
          INSERT INTO world.charge SELECT o.invoice, what, amount, taxed_on FROM world.charge WHERE invoice = again;
        END IF;
        w := ROW (o.invoice, (SELECT k.contract FROM saas.payment_invoices i JOIN world.piece k ON k.subscription = i.subscription_id AND k.first = i.period_start WHERE i.id = o.invoice),
                  0, 0, 0, 0, 0, 0, 0, 0, false);
        SELECT coalesce(sum(amount) FILTER (WHERE what = 'subscription'), 0), coalesce(sum(amount) FILTER (WHERE what = 'usage'), 0),
               coalesce(sum(amount) FILTER (WHERE what IN ('other', 'own late')), 0), coalesce(sum(amount), 0)
          INTO w.subscription, w.usage, w.other, charged FROM world.charge WHERE invoice = o.invoice;
        left_over := charged;
        FOR coupon IN SELECT * FROM world.op WHERE tenant = who.id AND kind = 'coupon' AND number < o.number ORDER BY number LOOP
          CONTINUE WHEN coupon.day >= coalesce((SELECT k.last FROM world.piece k WHERE k.contract = w.contract AND k.first = (SELECT period_start FROM saas.payment_invoices WHERE id = o.invoice)), 'infinity')
            OR coupon.times <= (SELECT count(*) FROM world.taken t JOIN world.wanted u ON u.invoice = t.invoice AND NOT u.is_void WHERE t.coupon = coupon.number)
            OR o.kind = 'reissue' AND NOT EXISTS (SELECT FROM world.taken t WHERE t.invoice = again AND t.coupon = coupon.number);
          part := coalesce(round(left_over * coupon.percent / 100), least(coupon.amount, left_over));
          CONTINUE WHEN part <= 0;
          left_over := left_over - part;
          w.discount := w.discount + part;
          INSERT INTO world.taken VALUES (o.invoice, coupon.number);
        END LOOP;
        -- One rate, but where a rate changed and there are no coupons.
        SELECT coalesce(sum(CASE who.tax WHEN 'FR' THEN round(base * rate / (100 + rate)) ELSE round(base * rate / 100) END), 0) INTO w.tax
          FROM (SELECT rate, sum(amount) - w.discount AS base
                  FROM (SELECT amount, world.rate(who.tax, taxed_on) AS rate FROM world.charge WHERE invoice = o.invoice) c GROUP BY rate) r;
        IF who.tax = 'FR' THEN
          w.other := w.other - w.tax;
        ELSE
          left_over := left_over + w.tax;
        END IF;
        w.carried := greatest(-left_over, 0);
        w.other := w.other + w.carried;
        w.credit := least(greatest(left_over, 0), balance);
        w.total := left_over + w.carried - w.credit;
        balance := balance - w.credit + w.carried;
        INSERT INTO world.wanted SELECT w.*;
      END IF;
    END LOOP;
    INSERT INTO world.balance VALUES (who.id, balance);
  END LOOP;
END $$;

-- Where invoices and recount differ: in what they charge, in which periods there are, or in what is left of the credits.
CREATE VIEW world.difference AS
SELECT format('%s %s: wanted %s, made %s', i.tenant_id, i.period_start, w.told, m.told) AS difference
  FROM saas.payment_invoices i
  LEFT JOIN LATERAL (
    SELECT format('%s + %s used + %s other - %s discount + %s tax - %s credits = %s%s', w.subscription, w.usage, w.other, w.discount, w.tax, w.credit, w.total,
                  CASE WHEN w.is_void THEN ', void' ELSE '' END) AS told
      FROM world.wanted w WHERE w.invoice = i.id
  ) w ON true
 CROSS JOIN LATERAL (
   SELECT format('%s + %s used + %s other - %s discount + %s tax - %s credits = %s%s', i.subscription_amount, i.usage_amount, i.other_amount, i.discount, i.tax,
                 i.credit_amount, i.total_amount, CASE WHEN i.status = 'void' THEN ', void' ELSE '' END) AS told
 ) m
 WHERE w.told IS DISTINCT FROM m.told
UNION ALL
SELECT format('period %s - %s of contract %s: %s', coalesce(p.first, b.period_start), coalesce(p.last, b.period_end), coalesce(p.subscription, b.subscription_id),
              CASE WHEN b.period_start IS NULL THEN 'not billed' ELSE 'not wanted' END)
  FROM world.piece p
  FULL JOIN (SELECT * FROM saas.billed_periods WHERE kind = 'billed') b ON b.subscription_id = p.subscription AND (b.period_start, b.period_end) = (p.first, p.last)
 WHERE p.first IS NULL OR b.period_start IS NULL
UNION ALL
SELECT format('tenant %s has %s credits, wanted %s', tenant, saas.credit_balance(tenant), wanted)
  FROM world.balance WHERE wanted <> saas.credit_balance(tenant);
