-- The year's invoices once more, in arithmetic that has nothing of the extension's, from what was written down: tenant by tenant, in the
-- order of what happened. Of the invoices that were made it reads which contract and period they are for and why, and nothing else.
CREATE TABLE world.wanted (
  invoice uuid PRIMARY KEY, number int, tenant uuid, contract int, reason text, first date, replaced boolean NOT NULL DEFAULT false, state text NOT NULL DEFAULT 'draft', total numeric, gross numeric,
  credited numeric NOT NULL DEFAULT 0, refunded numeric NOT NULL DEFAULT 0, due timestamptz, given int
);
CREATE INDEX ON world.wanted (contract, first);
CREATE INDEX ON world.wanted (tenant);
CREATE TABLE world.line (invoice uuid, kind text, amount numeric);
CREATE INDEX ON world.line (invoice);
CREATE TABLE world.taken (invoice uuid, coupon int);
CREATE INDEX ON world.taken (coupon);
-- Grants of credits, and what invoices took of them.
CREATE TABLE world.lot (number serial PRIMARY KEY, tenant uuid, priority int, expires timestamptz, dies boolean, amount numeric, remaining numeric);
CREATE INDEX ON world.lot (tenant);
CREATE TABLE world.drawn (invoice uuid, lot int, amount numeric);
CREATE INDEX ON world.drawn (invoice);
CREATE TABLE world.reminded (invoice uuid PRIMARY KEY, tenant uuid, state text, reminder timestamptz, warning timestamptz, final timestamptz, settled timestamptz);

-- By priority, then what expires first, then the older.
CREATE FUNCTION world.draw(of_tenant uuid, amount numeric, of_invoice uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  due numeric := amount;
  part numeric;
  lot world.lot;
BEGIN
  FOR lot IN SELECT * FROM world.lot l WHERE l.tenant = of_tenant AND l.remaining > 0 ORDER BY l.priority, l.expires NULLS LAST, l.number LOOP
    EXIT WHEN due = 0;
    part := least(due, lot.remaining);
    due := due - part;
    UPDATE world.lot l SET remaining = l.remaining - part WHERE l.number = lot.number;
    INSERT INTO world.drawn VALUES (of_invoice, lot.number, part);
  END LOOP;
  IF due > 0 THEN RAISE EXCEPTION 'tenant % used % more than there is', of_tenant, due; END IF;
END $$;

CREATE FUNCTION world.give(of_tenant uuid, of_priority int, of_expires timestamptz, of_dies boolean, of_amount numeric) RETURNS int LANGUAGE sql AS $$
  INSERT INTO world.lot (tenant, priority, expires, dies, amount, remaining) VALUES (of_tenant, of_priority, of_expires, of_dies, of_amount, of_amount) RETURNING number
$$;

-- Spreads what a coupon takes over lines, in proportion to those above zero that it applies to; the largest remainders get the units
-- that are left, of equal ones the earlier. Returns what is left of the lines.
CREATE FUNCTION world.discounted(lines numeric[], applies boolean[], percent numeric, amount numeric) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$
  WITH line AS (
    SELECT place, a, CASE WHEN applies[place] THEN a ELSE 0 END AS within FROM unnest(lines) WITH ORDINALITY AS l (a, place)
  ), share AS (
    SELECT greatest(least(coalesce(round(greatest(sum(within), 0) * percent / 100), amount), sum(within), sum(a)), 0) AS takes, sum(greatest(within, 0)) AS weights FROM line
  ), part AS (
    SELECT l.place, l.a, floor(s.takes * greatest(l.within, 0) / nullif(s.weights, 0)) AS whole,
           row_number() OVER (ORDER BY mod(s.takes * greatest(l.within, 0), nullif(s.weights, 0)) DESC, l.place) AS turn, s.takes
      FROM line l CROSS JOIN share s
  )
  SELECT array_agg(p.a - coalesce(p.whole + CASE WHEN p.turn <= p.takes - (SELECT sum(whole) FROM part) THEN 1 ELSE 0 END, 0) ORDER BY p.place) FROM part p
$$;

-- Discounts, taxes and credits of an invoice whose charges are there. Again: the void one whose coupons it has.
CREATE FUNCTION world.add_lines(o world.op, piece world.piece, c world.contract, reason text, span daterange, of_currency text, place text, again uuid) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  coupon world.op;
  sold world.plan;
  days daterange;
  month daterange;
  until date;
  before numeric[];
  rest numeric[];
  amount numeric;
  due numeric;
  balance numeric;
  given int;
BEGIN
  CREATE TEMP TABLE IF NOT EXISTS charged (place int, kind text, stands_for text, amount numeric, rest numeric, percent numeric, contained boolean) ON COMMIT DROP;
  TRUNCATE charged;
  INSERT INTO charged
  SELECT row_number() OVER (ORDER BY x.rank, x.first, x.feature, x.source, x.amount), x.kind, x.stands_for, x.amount, x.amount, t.percent, t.contained
    FROM world.charge x LEFT JOIN LATERAL world.tax_on(place, x.category, x.taxed_on) t ON true WHERE x.invoice = o.invoice;
  INSERT INTO world.line SELECT o.invoice, x.kind, x.amount FROM charged x;
  -- What a coupon for ever is a part of, and which part.
  sold := world.kind(c);
  IF c.number IS NULL THEN
    days := span;
    month := daterange(date_trunc('month', lower(span))::date, (date_trunc('month', lower(span)) + interval '1 month')::date);
    until := 'infinity';
  ELSIF piece.contract IS NULL THEN
    until := upper(span);
  ELSE
    days := CASE WHEN piece.first < c.ended OR c.ended IS NULL THEN daterange(piece.first, least(piece.last, c.ended)) ELSE 'empty' END;
    month := daterange(piece.counter, piece.counter_end);
    until := piece.last;
  END IF;
  FOR coupon IN SELECT * FROM world.op k WHERE k.tenant = o.tenant AND k.kind = 'coupon' AND k.number < o.number ORDER BY k.number LOOP
    -- A change has the shares that a fee for its days had, and is one invoice with that.
    IF reason = 'change' AND again IS NULL THEN
      CONTINUE WHEN coupon.percent IS NULL OR NOT EXISTS (
        SELECT FROM world.fee f JOIN world.taken t ON t.invoice = f.invoice AND t.coupon = coupon.number
         WHERE f.contract = c.number AND f.last > lower(span) AND f.last <= upper(span));
    ELSE CONTINUE WHEN coupon.day >= until
      OR reason <> 'change' AND coupon.times <= (
           SELECT count(*) FROM world.taken t JOIN world.wanted u ON u.invoice = t.invoice AND u.state <> 'void' AND u.reason <> 'change' WHERE t.coupon = coupon.number)
      OR CASE WHEN again IS NULL THEN EXISTS (SELECT FROM world.op k WHERE k.tenant = o.tenant AND k.kind = 'uncoupon' AND k.label = coupon.label AND k.number < o.number)
              ELSE NOT EXISTS (SELECT FROM world.taken t WHERE t.invoice = again AND t.coupon = coupon.number) END;
    END IF;
    amount := CASE WHEN coupon.times IS NOT NULL THEN coupon.amount
                   -- In advance a month's is its fee's; with a year it is taken where the month is billed.
                   WHEN sold.ahead AND sold.every = 'monthly' THEN (
                     SELECT coalesce(sum(round(coupon.amount * (f.last - f.first) / (upper(f.whole) - lower(f.whole)))), 0) FROM world.fee f WHERE f.invoice = o.invoice)
                   WHEN days IS NULL THEN 0
                   WHEN isempty(days) THEN 0
                   ELSE round(coupon.amount * (upper(days) - lower(days)) / (upper(month) - lower(month))) END;
    SELECT array_agg(x.rest ORDER BY x.place) INTO before FROM charged x;
    SELECT world.discounted(before, array_agg(coupon.applies IS NULL OR x.kind = ANY (coupon.applies) OR coalesce(x.stands_for = ANY (coupon.applies), false) ORDER BY x.place),
                            coupon.percent, amount) INTO rest FROM charged x;
    -- A line for each tax.
    INSERT INTO world.line SELECT o.invoice, 'discount', sum(rest[x.place] - x.rest) FROM charged x GROUP BY x.percent, x.contained HAVING sum(rest[x.place] - x.rest) <> 0;
    IF rest <> before THEN
      INSERT INTO world.taken VALUES (o.invoice, coupon.number);
    END IF;
    UPDATE charged x SET rest = rest[x.place];
  END LOOP;
  INSERT INTO world.line
  SELECT o.invoice, side.kind, side.sign * round(CASE WHEN r.contained THEN r.base * r.percent / (100 + r.percent) ELSE r.base * r.percent / 100 END)
    FROM (SELECT x.percent, x.contained, sum(x.rest) AS base FROM charged x WHERE x.percent IS NOT NULL GROUP BY x.percent, x.contained) r
    JOIN (VALUES ('tax', 1), ('adjustment', -1)) side (kind, sign) ON side.kind = 'tax' OR r.contained;
  SELECT coalesce(sum(l.amount), 0) INTO due FROM world.line l WHERE l.invoice = o.invoice;
  SELECT coalesce(sum(l.remaining), 0) INTO balance FROM world.lot l WHERE l.tenant = o.tenant;
  IF due < 0 THEN
    given := world.give(o.tenant, 50, NULL, false, -due);
    INSERT INTO world.line VALUES (o.invoice, 'adjustment', -due);
  ELSIF least(due, balance) > 0 THEN
    PERFORM world.draw(o.tenant, least(due, balance), o.invoice);
    INSERT INTO world.line VALUES (o.invoice, 'credit', -least(due, balance));
  END IF;
  INSERT INTO world.wanted (invoice, number, tenant, contract, reason, first, total, gross, given)
  SELECT o.invoice, o.number, o.tenant, c.number, reason, lower(span), sum(l.amount), sum(l.amount) FILTER (WHERE l.kind <> 'credit'), given
    FROM (SELECT 0 AS amount, '' AS kind UNION ALL SELECT l.amount, l.kind FROM world.line l WHERE l.invoice = o.invoice) l;
END $$;

-- What becomes of an invoice.
CREATE FUNCTION world.move(o world.op) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  w world.wanted;
  back record;
  due numeric;
  settled numeric;
  refunded numeric;
BEGIN
  SELECT * INTO w FROM world.wanted k WHERE k.invoice = o.invoice;
  CASE o.kind
    WHEN 'finalize' THEN w.state := CASE WHEN w.total = 0 THEN 'paid' ELSE 'open' END; w.due := o.at;
    WHEN 'fail' THEN w.state := 'failed';
    WHEN 'pay' THEN w.state := 'paid';
    WHEN 'give up' THEN w.state := 'uncollectible';
    WHEN 'void' THEN
      w.state := 'void';
      UPDATE world.lot l SET remaining = 0 WHERE l.number = w.given;
      -- As they were; what has expired since lives as long again as it had left, which is over by now.
      FOR back IN SELECT l.*, d.amount AS part FROM world.drawn d JOIN world.lot l ON l.number = d.lot WHERE d.invoice = o.invoice ORDER BY l.number LOOP
        PERFORM world.give(o.tenant, back.priority, back.expires, back.dies, back.part);
      END LOOP;
      UPDATE world.lot l SET remaining = 0 WHERE l.tenant = o.tenant AND l.dies;
    WHEN 'note' THEN
      due := CASE w.state WHEN 'paid' THEN 0 ELSE w.total - w.credited END;
      settled := least(o.amount, due);
      refunded := CASE WHEN o.label IS NULL THEN 0 ELSE least(o.amount - settled, w.total - w.credited - w.refunded) END;
      IF o.amount > settled + refunded THEN
        PERFORM world.give(o.tenant, 50, NULL, false, o.amount - settled - refunded);
      END IF;
      w.credited := w.credited + settled;
      w.refunded := w.refunded + refunded;
      IF settled > 0 AND settled = due THEN w.state := 'paid'; END IF;
  END CASE;
  UPDATE world.wanted k SET state = w.state, due = w.due, credited = w.credited, refunded = w.refunded WHERE k.invoice = o.invoice;
END $$;

-- Reminders of a run, one step an invoice; three, ten and twenty-one days after it was due.
CREATE FUNCTION world.remind(of_tenant uuid, run timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE world.reminded r SET state = 'settled', settled = run FROM world.wanted w
   WHERE w.tenant = of_tenant AND r.invoice = w.invoice AND r.state <> 'settled' AND w.state NOT IN ('open', 'failed');
  UPDATE world.reminded r
     SET state = CASE r.state WHEN 'reminder' THEN 'warning' ELSE 'final' END,
         warning = CASE r.state WHEN 'reminder' THEN run ELSE r.warning END, final = CASE r.state WHEN 'warning' THEN run END
    FROM world.wanted w
   WHERE w.tenant = of_tenant AND r.invoice = w.invoice AND w.state IN ('open', 'failed') AND w.total > w.credited
     AND w.due + CASE r.state WHEN 'reminder' THEN interval '10 days' WHEN 'warning' THEN interval '21 days' END <= run;
  INSERT INTO world.reminded
  SELECT w.invoice, w.tenant, 'reminder', run FROM world.wanted w
   WHERE w.tenant = of_tenant AND w.state IN ('open', 'failed') AND w.total > w.credited AND w.due + interval '3 days' <= run
  ON CONFLICT DO NOTHING
$$;

-- A contract is behind while an invoice of its tenant's failed, was given up, or is overdue for a week.
CREATE FUNCTION world.judge(of_tenant uuid, run world.op) RETURNS void LANGUAGE sql AS $$
  INSERT INTO world.mistake
  SELECT of_tenant, format('%s at %s', s.status, run.at) FROM world.standing s
   WHERE s.run = run.number AND s.tenant = of_tenant
     AND (s.status = 'past_due') <> EXISTS (
       SELECT FROM world.wanted w WHERE w.tenant = of_tenant AND w.total > w.credited
          AND (w.state IN ('failed', 'uncollectible') OR w.state = 'open' AND w.due + interval '7 days' <= run.at))
$$;

CREATE FUNCTION world.recount(horizon date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  o world.op;
  who world.tenant;
  place text;
  made record;
  of_contract world.contract;
  piece world.piece;
  again uuid;
BEGIN
  INSERT INTO world.piece SELECT * FROM world.pieces(horizon);
  INSERT INTO world.counted_event
  SELECT e.tenant, e.feature, lower(w), e.step, e.units FROM world.event e JOIN world.contract c ON c.number = e.contract
   CROSS JOIN LATERAL world.wholes(c, world.cycle(c), 1) w WHERE e.day <@ w;
  ANALYZE world.counted_event, world.piece, world.op, world.terms, world.standing;
  FOR who IN SELECT * FROM world.tenant ORDER BY number LOOP
    place := NULL;
    FOR o IN SELECT * FROM world.op k WHERE k.tenant = who.id OR k.tenant IS NULL ORDER BY k.number LOOP
      CASE o.kind
        WHEN 'coupon', 'uncoupon' THEN NULL;
        WHEN 'tax' THEN place := o.label;
        WHEN 'grant' THEN PERFORM world.give(who.id, o.priority, o.expires, o.label IS NOT NULL, o.amount);
        WHEN 'expire' THEN UPDATE world.lot l SET remaining = 0 WHERE l.tenant = who.id AND l.dies;
        WHEN 'spend' THEN PERFORM world.draw(who.id, o.amount, NULL);
        WHEN 'remind' THEN PERFORM world.remind(who.id, o.at); PERFORM world.judge(who.id, o);
        WHEN 'invoice', 'reissue' THEN
          SELECT i.subscription_id, i.billing_reason AS reason, daterange(i.period_start, i.period_end) AS span INTO made FROM saas.payment_invoices i WHERE i.id = o.invoice;
          SELECT * INTO of_contract FROM world.contract k WHERE k.id = made.subscription_id;
          SELECT * INTO piece FROM world.piece k WHERE k.subscription = made.subscription_id AND k.first = lower(made.span) AND made.reason = 'period';
          again := NULL;
          IF o.kind = 'reissue' THEN
            UPDATE world.wanted w SET replaced = true
             WHERE w.invoice = (SELECT v.invoice FROM world.wanted v
                                 WHERE v.contract = of_contract.number AND v.reason = made.reason AND v.first = lower(made.span) AND v.state = 'void' AND NOT v.replaced
                                 ORDER BY v.number LIMIT 1)
            RETURNING w.invoice INTO again;
            UPDATE world.fee f SET invoice = o.invoice WHERE f.invoice = again;
            INSERT INTO world.charge
            SELECT o.invoice, x.rank, x.kind, x.stands_for, x.feature, x.first, x.source, x.amount, x.category, x.taxed_on, x.own FROM world.charge x WHERE x.invoice = again;
          ELSIF made.reason IN ('advance', 'change') THEN
            PERFORM world.add_alone(o, of_contract, made.reason, made.span, who.currency);
          ELSE
            PERFORM world.add_charges(o, piece, who.currency);
          END IF;
          PERFORM world.add_lines(o, piece, of_contract, made.reason, made.span, who.currency, place, again);
        ELSE PERFORM world.move(o);
      END CASE;
    END LOOP;
    INSERT INTO world.mistake SELECT who.id, told || ' is not charged' FROM world.contract k, world.uncharged(who.currency, k) told WHERE k.tenant = who.id;
  END LOOP;
END $$;

-- Where the books and the recount differ: in what invoices say line by line, in which periods there are, in what became of invoices, in
-- reminders and standing, or in what is left of the credits.
CREATE VIEW world.difference AS
WITH made AS (
  SELECT l.invoice_id AS invoice, l.kind, l.amount, count(*) AS times FROM saas.payment_invoice_lines l WHERE l.amount <> 0 GROUP BY 1, 2, 3
), wanted AS (
  SELECT l.invoice, l.kind, l.amount, count(*) AS times FROM world.line l WHERE l.amount <> 0 GROUP BY 1, 2, 3
)
SELECT i.tenant_id AS tenant,
       format('%s %s from %s: %s %s, wanted %s times, made %s', i.billing_reason, coalesce(w.invoice, m.invoice), i.period_start, coalesce(w.kind, m.kind), coalesce(w.amount, m.amount),
              coalesce(w.times, 0), coalesce(m.times, 0)) AS difference
  FROM wanted w FULL JOIN made m ON m.invoice = w.invoice AND m.kind = w.kind AND m.amount = w.amount
  LEFT JOIN saas.payment_invoices i ON i.id = coalesce(w.invoice, m.invoice)
 WHERE w.times IS DISTINCT FROM m.times
UNION ALL
SELECT coalesce(i.tenant_id, w.tenant),
       format('invoice %s from %s: wanted %s %s, %s credited, made %s %s, %s credited', coalesce(i.id, w.invoice), i.period_start, w.total, w.state, w.credited,
              i.total_amount, i.status, i.credited_amount)
  FROM world.wanted w FULL JOIN saas.payment_invoices i ON i.id = w.invoice
 WHERE (w.total, w.state, w.credited) IS DISTINCT FROM (i.total_amount::numeric, i.status, i.credited_amount::numeric)
UNION ALL
SELECT coalesce(p.tenant, b.tenant_id),
       format('period %s - %s of contract %s: %s', coalesce(p.first, b.period_start), coalesce(p.last, b.period_end), coalesce(p.subscription, b.subscription_id),
              CASE WHEN b.period_start IS NULL THEN 'not billed' ELSE 'not wanted' END)
  FROM world.piece p
  FULL JOIN (SELECT * FROM saas.billed_periods WHERE kind = 'billed') b ON b.subscription_id = p.subscription AND (b.period_start, b.period_end) = (p.first, p.last)
 WHERE p.first IS NULL OR b.period_start IS NULL
UNION ALL
SELECT coalesce(w.tenant, l.tenant_id), format('credits: wanted %s, there are %s', w.lots, l.lots)
  FROM (SELECT tenant, string_agg(concat_ws(' ', priority, expires, remaining), ', ' ORDER BY priority, expires, remaining) AS lots
          FROM world.lot WHERE remaining > 0 GROUP BY tenant) w
  FULL JOIN (SELECT tenant_id, string_agg(concat_ws(' ', priority, expires_at, remaining), ', ' ORDER BY priority, expires_at, remaining) AS lots
               FROM saas.credit_lots WHERE expires_at > now() IS NOT FALSE GROUP BY tenant_id) l ON l.tenant_id = w.tenant
 WHERE w.lots IS DISTINCT FROM l.lots
UNION ALL
SELECT coalesce(r.tenant, d.tenant_id), format('reminders: wanted %s, made %s', r, d)
  FROM world.reminded r FULL JOIN saas.dunning d ON d.invoice_id = r.invoice
 WHERE (r.state, r.reminder, r.warning, r.final, r.settled) IS DISTINCT FROM (d.status, d.reminder_at, d.warning_at, d.final_at, d.settled_at)
UNION ALL
SELECT tenant, told FROM world.mistake;

-- What happened to a tenant, for whoever looks for a mistake.
CREATE FUNCTION world.story(of_tenant uuid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT concat_ws(E'\n',
    (SELECT string_agg(format('contract %s %s: %s, trial until %s, ended %s, goes on from %s; terms %s; pauses %s', c.number, c.id, c.first_day, c.trial_end, c.ended, c.goes_on_from,
              (SELECT string_agg(concat_ws(' ', t.day, t.plan, p.every, p.cycle, CASE WHEN p.ahead THEN 'in advance' END, t.seats, t.charged), ', ' ORDER BY t.number) FROM world.terms t JOIN world.plan p ON p.key = t.plan WHERE t.contract = c.number),
              (SELECT string_agg(concat_ws(' - ', q.first_day, q.until), ', ' ORDER BY q.first_day) FROM world.pause q WHERE q.contract = c.number)), E'\n' ORDER BY c.number)
       FROM world.contract c WHERE c.tenant = of_tenant),
    (SELECT string_agg(concat_ws(' ', 'subscription', s.id, s.status, s.anchor, s.current_period_start, s.current_period_end, 'ended', s.ended_on, 'settled', s.settled_at), E'\n' ORDER BY s.anchor)
       FROM saas.tenant_subscriptions s WHERE s.tenant_id = of_tenant),
    (SELECT string_agg(concat_ws(' ', i.billing_reason, i.id, i.period_start, i.period_end, i.status, i.total_amount,
              (SELECT string_agg(concat_ws(' ', l.kind, l.description, l.amount), ', ' ORDER BY l.position) FROM saas.payment_invoice_lines l WHERE l.tenant_id = i.tenant_id AND l.invoice_id = i.id)),
            E'\n' ORDER BY i.id) FROM saas.payment_invoices i WHERE i.tenant_id = of_tenant))
$$;
