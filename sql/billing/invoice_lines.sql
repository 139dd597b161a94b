-- The lines of invoices: one code path for every invoice, whatever it is made for. Continues what is asked for, one
-- invoice of a tenant, and what it is made of; continued by what is done with the lines.
--
-- What was made here is joined by the invoice alone, which says the tenant too, and what is always there by LEFT JOIN: from two
-- conditions the planner takes a batch for a single row, and then compares each row with each.
--
-- asked (tenant_id, subscription_id, plan_id, seats, kind, period, period_start, period_end, change_id, add_on_id): the kind is the invoice's billing_reason; one of
-- kind change charges the change of terms, or of an add-on, by itself · fees_due: the priced usage · late_units: usage of closed periods, with its amount if that is fixed
-- already · credits (tenant_id, amount) · earlier (tenant_id, subscription_id, period_start, period_end, amount): the billed periods, and what
-- they charged for their own days · advance (tenant_id, subscription_id, fee_start, fee_end): the fees that the invoices charge in advance ·
-- paid_ahead (tenant_id, subscription_id, fee_start, amount): those that others have charged ·
-- redeemed (tenant_id, id, taken): coupons, and on how many invoices they are beyond the stored ones
, due AS (
  SELECT a.tenant_id, a.subscription_id, saas.uuid_v7() AS invoice_id, a.kind, a.change_id, a.add_on_id, a.plan_id, p.name AS plan_name,
         a.seats, t.currency, t.time_zone, a.period_start, a.period_end, a.period,
         p.billing_interval, p.billing_cycle, p.bill_in,
         (s.anchor AT TIME ZONE t.time_zone)::date AS first_day,
         (s.trial_end AT TIME ZONE t.time_zone)::date AS trial_end_day,
         -- What is made again does not know of an end that came after its period was billed.
         s.current_period_start <= a.period_start AS is_last,
         least(coalesce(s.ended_on, (s.cancel_at AT TIME ZONE t.time_zone)::date),
               CASE WHEN (n.billing_interval, n.billing_cycle, n.bill_in) <> (p.billing_interval, p.billing_cycle, p.bill_in) THEN s.scheduled_for END) AS ended_day,
         -- The whole of which the period may be a part.
         CASE WHEN p.billing_cycle = 'anniversary' THEN a.period ELSE date_trunc('month', a.period_start)::date END AS whole_start,
         CASE WHEN p.billing_cycle = 'anniversary' THEN upper(saas.billing_days((s.anchor AT TIME ZONE t.time_zone)::date, '1 month', a.period))
              ELSE (date_trunc('month', a.period_start) + interval '1 month')::date END AS whole_end
    FROM asked a
    JOIN saas.tenants t ON t.id = a.tenant_id
    LEFT JOIN saas.tenant_subscriptions s ON s.tenant_id = a.tenant_id AND s.id = a.subscription_id
    LEFT JOIN saas.plans p ON p.id = a.plan_id
    LEFT JOIN saas.plans n ON n.id = s.scheduled_plan_id
), span AS (
  -- The base fee's own period that ends in this one: the month, or once a year the year; and the days
  -- of it that are paid for, which are those of the contract after its trial and outside of pauses. In advance the fee
  -- itself was charged before, and the minimum is left.
  SELECT DISTINCT d.tenant_id, d.invoice_id, d.subscription_id, d.plan_id, d.seats, d.currency, d.period_start, d.period_end,
         own.first AS base_start, own.last AS base_end, coalesce(own.goes_on, own.first) AS counts_from, used.first AS used_start, used.last AS used_end,
         d.bill_in = 'arrears' AS charges_fee, true AS is_over, NULL::date AS fee_start
    FROM due d
   CROSS JOIN LATERAL (
     SELECT d.period AS first,
            CASE d.billing_cycle WHEN 'calendar' THEN (d.period + interval '1 month')::date
                                 ELSE upper(saas.billing_days(d.first_day, '1 month', d.period)) END AS last,
            d.period_start AS goes_on, d.period_end AS stops
      WHERE d.billing_interval = 'monthly'
     UNION ALL
     SELECT lower(year.days), upper(year.days), NULL, NULL
       -- The year that holds the last day before the period's end, or the one before it if that ended within the period.
       FROM (VALUES (d.period_end - 1), (d.period_start - 1)) AS probe (day)
      CROSS JOIN LATERAL (SELECT saas.billing_days(d.first_day, '1 year', probe.day) AS days) year
      WHERE d.billing_interval = 'yearly' AND upper(year.days) > d.period_start
        AND (upper(year.days) <= d.period_end OR d.ended_day <= d.period_end AND d.is_last)
   ) own
   CROSS JOIN LATERAL (
     SELECT greatest(own.first, own.goes_on, d.first_day, d.trial_end_day) AS first, least(own.last, own.stops, d.ended_day) AS last
   ) used
   WHERE d.kind = 'period' AND used.first < used.last
  UNION ALL
  -- Fees in advance, by the terms of their first day.
  SELECT d.tenant_id, d.invoice_id, d.subscription_id, terms.plan_id, terms.seats, d.currency, d.period_start, d.period_end,
         whole.first, whole.last, whole.first, a.fee_start, a.fee_end, true, false, a.fee_start
    FROM due d
    JOIN advance a ON a.tenant_id = d.tenant_id AND a.subscription_id = d.subscription_id
   CROSS JOIN LATERAL saas.subscription_terms(d.tenant_id, d.subscription_id, a.fee_start) terms
   CROSS JOIN LATERAL saas.fee_days(d.billing_interval, d.billing_cycle, d.first_day, a.fee_start) whole (first, last)
), changes AS (
  -- What changed on days that are paid for. In advance a change that was charged by itself comes with no fee.
  SELECT b.tenant_id, b.invoice_id, b.period_start, b.counts_from, b.base_start, b.base_end, b.used_start, b.used_end, b.subscription_id, b.currency,
         b.charges_fee, b.is_over, b.fee_start, c.id, c.number, c.day, c.from_plan_id, c.from_seats, c.to_plan_id, c.to_seats
    FROM span b
    JOIN saas.subscription_changes c ON c.tenant_id = b.tenant_id AND c.subscription_id = b.subscription_id
     AND c.prorated AND c.day >= b.used_start AND c.day < b.used_end
   WHERE b.is_over OR NOT EXISTS (SELECT FROM saas.charged_changes x WHERE x.tenant_id = c.tenant_id AND x.change_id = c.id)
  UNION ALL
  -- One that is charged by itself, in each of the fees that were charged before for its days.
  SELECT d.tenant_id, d.invoice_id, d.period_start, whole.first, whole.first, whole.last, f.fee_start, f.fee_end, d.subscription_id, d.currency,
         true, false, NULL, c.id, c.number, greatest(c.day, f.fee_start), c.from_plan_id, c.from_seats, c.to_plan_id, c.to_seats
    FROM due d
    JOIN saas.subscription_changes c ON c.tenant_id = d.tenant_id AND c.id = d.change_id
    JOIN saas.advance_fees f ON f.tenant_id = c.tenant_id AND f.subscription_id = c.subscription_id AND f.fee_end > c.day AND f.fee_end <= d.period_end
   CROSS JOIN LATERAL saas.fee_days(d.billing_interval, d.billing_cycle, d.first_day, f.fee_start) whole (first, last)
), base AS (
  -- By the terms before the first of these changes, which are charged by themselves. The period's own terms are those at its end.
  SELECT b.*, p.name AS plan_name, p.id AS of_plan, greatest(terms.seats - p.included_seats, 0) AS paid_seats, terms.seats AS of_seats,
         price.base_price, price.seat_price
    FROM span b
    LEFT JOIN LATERAL (
      SELECT c.from_plan_id, c.from_seats FROM saas.subscription_changes c
       WHERE c.tenant_id = b.tenant_id AND c.subscription_id = b.subscription_id
         AND (c.prorated AND c.day >= b.used_start AND c.day < b.used_end OR c.day >= b.used_end AND c.day < b.period_end
              -- Also one of a day before, if it came when the fee had been charged.
              OR NOT b.is_over AND c.day < b.used_end AND EXISTS (
                SELECT FROM saas.charged_changes x JOIN saas.payment_invoices i ON i.tenant_id = x.tenant_id AND i.id = x.invoice_id
                 WHERE x.tenant_id = c.tenant_id AND x.change_id = c.id AND i.period_end > b.used_start))
       ORDER BY c.number LIMIT 1
    ) first ON true
   CROSS JOIN LATERAL (SELECT coalesce(first.from_plan_id, b.plan_id) AS plan_id, coalesce(first.from_seats, b.seats) AS seats) terms
    LEFT JOIN saas.plans p ON p.id = terms.plan_id
    -- Without a price in the tenant's currency the amounts are NULL, which no line can hold.
    LEFT JOIN LATERAL saas.plan_price(p.id, b.currency) price ON true
), fees AS (
  SELECT b.tenant_id, b.invoice_id, 1 AS rank, 'subscription' AS kind, b.plan_name || ' plan' AS description,
         NULL::text AS feature_key, 1::numeric AS quantity, b.base_price::numeric AS unit_amount,
         saas.prorate(b.base_price, daterange(b.base_start, b.base_end), daterange(b.used_start, b.used_end)) AS amount,
         b.used_start AS period_start, b.used_end AS period_end, b.subscription_id AS source_id, b.of_plan AS of_plan,
         NULL::text AS stands_for
    FROM base b
   WHERE b.charges_fee
  UNION ALL
  SELECT b.tenant_id, b.invoice_id, 2, 'seat', format('Seats beyond %s included', b.of_seats - b.paid_seats),
         NULL, b.paid_seats, b.seat_price,
         saas.prorate(b.seat_price * b.paid_seats, daterange(b.base_start, b.base_end), daterange(b.used_start, b.used_end)),
         b.used_start, b.used_end, b.subscription_id, b.of_plan, NULL
    FROM base b
   WHERE b.charges_fee AND b.paid_seats > 0 AND b.seat_price > 0
  UNION ALL
  -- The days that are left: back at the full value of the old terms, due at that of the new. A plan that stays has the
  -- value of its seats only.
  SELECT c.tenant_id, c.invoice_id, 3, 'proration',
         format(CASE side.sign WHEN 1 THEN '%s from %s' ELSE '%s not used from %s' END,
                CASE WHEN c.from_plan_id <> c.to_plan_id THEN p.name || ' plan'
                     ELSE format('%s seats beyond %s included', side.seats - p.included_seats, p.included_seats) END,
                to_char(c.day, 'YYYY-MM-DD')),
         NULL, 1, side.sign * value.amount,
         side.sign * saas.prorate(value.amount, daterange(c.base_start, c.base_end), daterange(c.day, c.used_end)),
         c.day, c.used_end, c.id, side.plan_id, CASE WHEN c.from_plan_id <> c.to_plan_id THEN 'subscription' ELSE 'seat' END
    FROM changes c
   CROSS JOIN LATERAL (VALUES (-1, c.from_plan_id, c.from_seats), (1, c.to_plan_id, c.to_seats)) AS side (sign, plan_id, seats)
    JOIN saas.plans p ON p.id = side.plan_id
    LEFT JOIN LATERAL saas.plan_price(p.id, c.currency) price ON true
   CROSS JOIN LATERAL (
     SELECT CASE WHEN c.from_plan_id <> c.to_plan_id THEN price.base_price ELSE 0 END
            + price.seat_price * greatest(side.seats - p.included_seats, 0) AS amount
   ) value
   WHERE c.charges_fee AND value.amount IS DISTINCT FROM 0
), usage_lines AS (
  -- A fee is a line; by tiers there is one for each, and they add up to it.
  SELECT d.tenant_id, d.invoice_id, 4, 'usage', format('%s beyond %s included', f.feature_key, f.included_units) || coalesce(': ' || part.description, ''),
         f.feature_key, coalesce(part.quantity, f.units), coalesce(part.unit_amount, f.unit_price), coalesce(part.amount, f.total_amount) AS amount,
         d.period_start, d.period_end, f.id, NULL::uuid, NULL::text, coalesce(part.place, 0) AS part
    FROM due d
    JOIN fees_due f ON f.tenant_id = d.tenant_id AND f.period = d.period
    LEFT JOIN LATERAL (
      -- OFFSET 0: the condition is asked before the function is called, not of what it returns.
      SELECT t.* FROM saas.usage_tiers(f.price_model, f.units) t WHERE f.price_model ->> 'model' = 'graduated' OFFSET 0
    ) part ON true
   WHERE d.kind = 'period' AND f.total_amount > 0
), late AS (
  -- What units that came after their period was closed cost: the price of all, less the price of what
  -- was billed, by the plan that the period was billed by. Several arrivals bill one after the other.
  SELECT a.tenant_id, d.invoice_id, a.id, a.feature_key, a.units, whole.first, whole.last, rated.billing_cycle,
         coalesce(a.amount,
                  saas.usage_price(pf.included_units, pf.overage_price, pf.price_model, billed.units + a.units)
                  - saas.usage_price(pf.included_units, pf.overage_price, pf.price_model, billed.units)) AS amount
    FROM due d
    JOIN late_units a ON a.tenant_id = d.tenant_id
    JOIN LATERAL (
      SELECT b.plan_id, p.billing_cycle, p.currency, (o.anchor AT TIME ZONE d.time_zone)::date AS first_day
        FROM saas.billed_periods b JOIN saas.plans p ON p.id = b.plan_id
        JOIN saas.tenant_subscriptions o ON o.tenant_id = b.tenant_id AND o.id = b.subscription_id
       WHERE b.tenant_id = a.tenant_id AND b.period = a.period AND b.kind = 'billed'
       ORDER BY b.period_end DESC, b.period_start DESC, b.subscription_id DESC LIMIT 1
    ) rated ON true
   CROSS JOIN LATERAL (
     SELECT a.period AS first, CASE rated.billing_cycle WHEN 'calendar' THEN (a.period + interval '1 month')::date
                                                        ELSE upper(saas.billing_days(rated.first_day, '1 month', a.period)) END AS last
   ) whole
    LEFT JOIN saas.plan_features pf ON pf.plan_id = rated.plan_id AND pf.feature_key = a.feature_key
          AND pf.currency IS NOT DISTINCT FROM nullif(d.currency, rated.currency)
   CROSS JOIN LATERAL (
     SELECT (coalesce((SELECT s.units_used FROM saas.usage_summaries s
                        WHERE s.tenant_id = a.tenant_id AND s.feature_key = a.feature_key AND s.period = a.period), 0)
             + coalesce((SELECT sum(o.units) FROM saas.usage_adjustments o
                          WHERE o.tenant_id = a.tenant_id AND o.feature_key = a.feature_key AND o.period = a.period
                            AND (o.amount IS NOT NULL OR a.id IS NULL OR (o.created_at, o.id) < (a.created_at, a.id))), 0)
            )::bigint AS units
   ) billed
), fee_sums AS MATERIALIZED (
  -- Of each of the fee's periods; units that came after a pause in the running one are its usage too.
  SELECT b.tenant_id, b.invoice_id, b.base_start, sum(c.amount) AS amount
    FROM span b
    JOIN (SELECT f.tenant_id, f.invoice_id, f.period_start, f.amount FROM fees f
          UNION ALL
          SELECT u.tenant_id, u.invoice_id, u.period_start, u.amount FROM usage_lines u
          UNION ALL
          SELECT l.tenant_id, l.invoice_id, d.period_start, l.amount
            FROM late l JOIN due d ON d.invoice_id = l.invoice_id AND d.period = l.first) c
      ON c.invoice_id = b.invoice_id AND c.period_start >= b.base_start AND c.period_start < b.base_end
   WHERE b.is_over
   GROUP BY b.tenant_id, b.invoice_id, b.base_start
), least_amounts AS (
  -- Of the base fee's period, each of its days by the minimum of its own plan; the last plan that has one names it.
  SELECT m.tenant_id, m.invoice_id, m.subscription_id, m.period_start, m.counts_from, m.base_start, m.base_end, m.used_start, m.used_end,
         sum(saas.prorate(price.minimum_amount, daterange(m.base_start, m.base_end), daterange(m.day, m.next_day)))::bigint AS amount,
         (array_agg(m.plan_id ORDER BY m.number DESC))[1] AS plan_id
    FROM (
      SELECT x.*, lead(x.day, 1, x.used_end) OVER (PARTITION BY x.tenant_id, x.invoice_id, x.base_start ORDER BY x.number) AS next_day
        FROM (
          SELECT b.tenant_id, b.invoice_id, b.subscription_id, b.period_start, b.counts_from, b.currency,
                 b.base_start, b.base_end, b.used_start, b.used_end, 0 AS number, b.used_start AS day, b.of_plan AS plan_id
            FROM base b
           WHERE b.is_over
          UNION ALL
          SELECT c.tenant_id, c.invoice_id, c.subscription_id, c.period_start, c.counts_from, c.currency,
                 c.base_start, c.base_end, c.used_start, c.used_end, c.number, c.day, c.to_plan_id
            FROM changes c
           WHERE c.is_over
        ) x
    ) m
   CROSS JOIN LATERAL saas.plan_price(m.plan_id, m.currency) price
   WHERE m.day < m.next_day AND price.minimum_amount > 0
   GROUP BY m.tenant_id, m.invoice_id, m.subscription_id, m.period_start, m.counts_from, m.base_start, m.base_end, m.used_start, m.used_end
), minimum AS MATERIALIZED (
  -- What earlier invoices of a year charged counts, and what was charged in advance.
  SELECT b.tenant_id, b.invoice_id, 5, 'minimum', p.name || ' plan: minimum', NULL::text, 1::numeric,
         b.amount - charged.amount, b.amount - charged.amount,
         b.used_start, b.used_end, b.subscription_id, p.id, NULL::text
    FROM least_amounts b
    JOIN saas.plans p ON p.id = b.plan_id
    LEFT JOIN fee_sums f ON f.invoice_id = b.invoice_id AND f.base_start = b.base_start
   CROSS JOIN LATERAL (
     SELECT (coalesce(f.amount, 0)
             + coalesce((SELECT sum(e.amount) FROM earlier e
                          WHERE e.tenant_id = b.tenant_id AND e.subscription_id = b.subscription_id
                            AND e.period_start >= b.counts_from AND e.period_start < b.period_start), 0)
             + coalesce((SELECT sum(a.amount) FROM paid_ahead a
                          WHERE a.tenant_id = b.tenant_id AND a.subscription_id = b.subscription_id
                            AND a.fee_start >= b.base_start AND a.fee_start < b.base_end), 0))::bigint AS amount
   ) charged
   WHERE b.amount > charged.amount
), plan_days AS (
  -- Which plan has which of the days that are paid for. A change of seats alone does not divide them.
  SELECT x.*, lead(x.day, 1, x.used_end) OVER (PARTITION BY x.tenant_id, x.invoice_id, x.base_start ORDER BY x.number) AS next_day
    FROM (
      SELECT b.tenant_id, b.invoice_id, b.subscription_id, b.currency, b.base_start, b.base_end, b.used_end, b.fee_start, 0 AS number, b.used_start AS day, b.of_plan AS plan_id
        FROM base b WHERE b.charges_fee
      UNION ALL
      SELECT c.tenant_id, c.invoice_id, c.subscription_id, c.currency, c.base_start, c.base_end, c.used_end, c.fee_start, c.number, c.day, c.to_plan_id
        FROM changes c WHERE c.charges_fee AND c.from_plan_id <> c.to_plan_id AND (c.is_over OR c.fee_start IS NOT NULL)
    ) x
   WHERE (SELECT EXISTS (SELECT FROM saas.subscription_add_ons))
), add_ons AS MATERIALIZED (
  -- With the base fee, by its days: those of each quantity at the price of the plan of these days. Without a price the amount is NULL,
  -- which no line can hold.
  SELECT d.tenant_id, d.invoice_id, 6, 'add_on', coalesce(offer.name, a.key), NULL::text, a.quantity::numeric, offer.price::numeric,
         saas.prorate(offer.price * a.quantity, daterange(d.base_start, d.base_end), daterange(of.first, of.last)),
         of.first, of.last, a.id, d.plan_id, NULL::text
    FROM plan_days d
   CROSS JOIN LATERAL saas.add_on_days(d.tenant_id, d.subscription_id, d.fee_start) a
   CROSS JOIN LATERAL (SELECT greatest(d.day, a.first) AS first, least(d.next_day, a.next) AS last) of
    LEFT JOIN LATERAL saas.add_on_offer(d.plan_id, a.key, d.currency) offer ON true
   WHERE a.quantity > 0 AND of.first < of.last
  UNION ALL
  -- More or fewer within days that are charged: the difference, in each of the fees that were charged for them.
  SELECT d.tenant_id, d.invoice_id, 6, 'add_on',
         format(CASE WHEN a.quantity < before.quantity THEN '%s not used from %s' ELSE '%s from %s' END, coalesce(offer.name, a.key), to_char(a.day, 'YYYY-MM-DD')),
         NULL, abs(a.quantity - before.quantity), CASE WHEN a.quantity < before.quantity THEN -1 ELSE 1 END * offer.price::numeric,
         saas.prorate(offer.price * (a.quantity - before.quantity), daterange(whole.first, whole.last), daterange(of.first, f.fee_end)),
         of.first, f.fee_end, a.id, d.plan_id, NULL
    FROM due d
    JOIN saas.subscription_add_ons a ON a.tenant_id = d.tenant_id AND a.id = d.add_on_id
    JOIN saas.advance_fees f ON f.tenant_id = a.tenant_id AND f.subscription_id = a.subscription_id AND f.fee_end > a.day AND f.fee_end <= d.period_end
   CROSS JOIN LATERAL (SELECT greatest(a.day, f.fee_start) AS first) of
   CROSS JOIN LATERAL saas.fee_days(d.billing_interval, d.billing_cycle, d.first_day, f.fee_start) whole (first, last)
   CROSS JOIN LATERAL (
     SELECT coalesce((SELECT b.quantity FROM saas.subscription_add_ons b
                       WHERE b.tenant_id = a.tenant_id AND b.subscription_id = a.subscription_id AND b.key = a.key AND b.number < a.number AND b.day <= of.first
                       ORDER BY b.number DESC LIMIT 1), 0) AS quantity
   ) before
    LEFT JOIN LATERAL saas.add_on_offer(d.plan_id, a.key, d.currency) offer ON true
   WHERE offer.price IS DISTINCT FROM 0
), setup AS MATERIALIZED (
  -- With the first period that ends after its day: a pause may have taken the day itself. In advance with the fee for the day, or the change.
  SELECT d.tenant_id, d.invoice_id, 7, 'setup', p.name || ' plan: set-up', NULL::text, 1::numeric,
         f.amount::numeric, f.amount, coalesce(ahead.fee_start, d.period_start), coalesce(ahead.fee_end, d.period_end), d.subscription_id, p.id, NULL::text
    FROM due d
   CROSS JOIN LATERAL saas.setup_fees(d.tenant_id, d.subscription_id, d.change_id) f
    JOIN saas.plans p ON p.id = f.plan_id
    LEFT JOIN advance ahead ON ahead.tenant_id = d.tenant_id AND ahead.subscription_id = d.subscription_id AND f.day >= ahead.fee_start AND f.day < ahead.fee_end
   WHERE (SELECT EXISTS (SELECT FROM saas.plans WHERE setup_fee > 0) OR EXISTS (SELECT FROM saas.plan_prices WHERE setup_fee > 0))
     AND CASE
           WHEN d.kind = 'change' THEN f.change_id = d.change_id
           WHEN d.bill_in = 'advance' THEN
             ahead.fee_start IS NOT NULL
             AND NOT EXISTS (SELECT FROM saas.charged_changes x WHERE x.tenant_id = d.tenant_id AND x.change_id = f.change_id)
           ELSE f.day < d.period_end
                AND NOT EXISTS (SELECT FROM earlier e
                                 WHERE e.tenant_id = d.tenant_id AND e.subscription_id = d.subscription_id
                                   AND e.period_start < d.period_start AND e.period_end > f.day)
         END
), charges AS MATERIALIZED (
  SELECT *, 0 AS part FROM fees
  UNION ALL SELECT * FROM usage_lines
  UNION ALL SELECT *, 0 FROM minimum
  UNION ALL SELECT *, 0 FROM add_ons
  UNION ALL SELECT *, 0 FROM setup
  UNION ALL
  SELECT l.tenant_id, l.invoice_id, 8, 'adjustment',
         format('%s: %s %s of %s', l.feature_key, abs(l.units),
                CASE WHEN l.units < 0 THEN 'units less' WHEN l.units = 1 THEN 'late unit' ELSE 'late units' END,
                CASE l.billing_cycle WHEN 'calendar' THEN to_char(l.first, 'FMMonth YYYY')
                                     ELSE format('%s to %s', l.first, l.last - 1) END),
         l.feature_key, abs(l.units), l.amount / abs(l.units)::numeric, l.amount,
         l.first, l.last, l.id, NULL, NULL, 0
    FROM late l
   WHERE l.amount <> 0
), charged AS (
  -- The charges in their order, and what they are taxed as, on which day: a late unit as in its own period, what is charged in advance as on
  -- its first day.
  SELECT c.*,
         row_number() OVER (PARTITION BY c.tenant_id, c.invoice_id
                            ORDER BY c.rank, c.period_start, c.feature_key, c.source_id, c.part, c.amount)::integer AS place,
         coalesce(CASE WHEN c.feature_key IS NULL THEN of_plan.category ELSE of_feature.category END, 'standard') AS category,
         CASE WHEN d.kind IN ('advance', 'change') OR d.bill_in = 'advance' AND c.kind IN ('subscription', 'seat', 'proration', 'add_on', 'setup')
                THEN coalesce(c.period_start, d.period_start)
              ELSE coalesce(c.period_end, d.period_end) - 1 END AS taxed_on
    FROM charges c
    JOIN due d ON d.invoice_id = c.invoice_id
    LEFT JOIN saas.plans p ON p.id = c.of_plan
    LEFT JOIN saas.tax_categories of_plan ON of_plan.kind = 'plan' AND of_plan.key = p.key
    LEFT JOIN saas.tax_categories of_feature ON of_feature.kind = 'feature' AND of_feature.key = c.feature_key
), rates AS MATERIALIZED (
  SELECT k.*, t.name, t.percent, t.is_inclusive, t.note
    FROM (SELECT DISTINCT tenant_id, invoice_id, category, taxed_on FROM charged) k
   CROSS JOIN LATERAL saas.applicable_tax(k.tenant_id, k.category, k.taxed_on) t
   WHERE (SELECT EXISTS (SELECT FROM saas.tax_rates) OR EXISTS (SELECT FROM saas.settings WHERE tax_function IS NOT NULL))
      OR EXISTS (SELECT FROM saas.billing_details b WHERE b.tenant_id = k.tenant_id AND b.tax_treatment <> 'standard')
), taxed AS (
  SELECT c.*, r.name AS tax_name, r.percent AS tax_percent, r.is_inclusive AS contains_tax, r.note AS tax_note
    FROM charged c
    LEFT JOIN rates r ON r.invoice_id = c.invoice_id AND r.category = c.category AND r.taxed_on = c.taxed_on
), coupons AS (
  -- In the order in which they were redeemed. What earlier invoices used up is left out.
  -- An amount that is for ever is a month's, and a part of a month has its part of it: else days of their own would each have all.
  SELECT d.tenant_id, d.invoice_id, r.id, r.percent,
         CASE WHEN r.invoice_count IS NOT NULL OR r.percent IS NOT NULL THEN (r.amounts ->> d.currency)::bigint
              WHEN d.bill_in = 'advance' AND d.billing_interval = 'monthly' THEN ahead.amount
              -- With a year's fee it is taken where the month is billed.
              WHEN d.kind = 'advance' THEN 0
              WHEN lasts.first < lasts.last THEN
                saas.prorate((r.amounts ->> d.currency)::bigint, daterange(d.whole_start, d.whole_end), daterange(lasts.first, lasts.last))
              ELSE 0 END AS amount, r.applies_to,
         r.name || coalesce(' (' || trim_scale(r.percent) || ' %)', '') AS description,
         row_number() OVER (PARTITION BY d.tenant_id, d.invoice_id ORDER BY r.id) AS turn
    FROM due d
    JOIN redeemed x ON x.tenant_id = d.tenant_id
    JOIN saas.coupon_redemptions r ON r.tenant_id = x.tenant_id AND r.id = x.id
   CROSS JOIN LATERAL (
     SELECT greatest(d.period_start, d.first_day) AS first, least(d.period_end, d.whole_end, d.ended_day) AS last
   ) lasts
   CROSS JOIN LATERAL (
     -- In advance its days are those of the fee.
     SELECT coalesce(sum(saas.prorate((r.amounts ->> d.currency)::bigint, daterange(whole.first, whole.last), daterange(a.fee_start, a.fee_end))), 0)::bigint AS amount
       FROM advance a
      CROSS JOIN LATERAL saas.fee_days(d.billing_interval, d.billing_cycle, d.first_day, a.fee_start) whole (first, last)
      WHERE a.tenant_id = d.tenant_id AND a.subscription_id = d.subscription_id AND d.bill_in = 'advance' AND d.billing_interval = 'monthly'
   ) ahead
   WHERE r.applies_from < d.period_end
     AND (r.percent IS NOT NULL OR r.amounts ? d.currency)
     AND (r.invoice_count IS NULL
          OR r.invoice_count > x.taken + (SELECT count(DISTINCT u.invoice_id)
                                            FROM saas.payment_invoice_lines u
                                            JOIN saas.payment_invoices i ON i.tenant_id = u.tenant_id AND i.id = u.invoice_id
                                           WHERE u.tenant_id = r.tenant_id AND u.source_id = r.id AND u.kind = 'discount'
                                             -- That of a change belongs to that of its fee.
                                             AND i.status <> 'void' AND i.billing_reason <> 'change'))
), parts AS (
  -- What each coupon takes from each charge; what is prorated is taken for what it is a part of.
  SELECT k.tenant_id, k.invoice_id, k.ids[part.discount] AS id, k.descriptions[part.discount] AS description,
         part.line AS place, part.amount
    FROM (
      SELECT c.tenant_id, c.invoice_id, array_agg(c.id ORDER BY c.turn) AS ids,
             array_agg(c.description ORDER BY c.turn) AS descriptions,
             array_agg(c.percent ORDER BY c.turn) AS percents, array_agg(c.amount ORDER BY c.turn) AS amounts
        FROM coupons c GROUP BY c.tenant_id, c.invoice_id
    ) k
    JOIN (
      SELECT t.invoice_id, array_agg(t.amount ORDER BY t.place) AS amounts
        FROM taxed t WHERE t.invoice_id IN (SELECT c.invoice_id FROM coupons c) GROUP BY t.invoice_id
    ) charge ON charge.invoice_id = k.invoice_id
    JOIN (
      SELECT t.invoice_id,
             array_agg(c.applies_to IS NULL OR t.kind = ANY (c.applies_to) OR t.stands_for = ANY (c.applies_to) ORDER BY c.turn, t.place) AS applies
        FROM coupons c JOIN taxed t ON t.invoice_id = c.invoice_id GROUP BY t.invoice_id
    ) matrix ON matrix.invoice_id = k.invoice_id
   CROSS JOIN LATERAL saas.discount_parts(charge.amounts, k.percents, k.amounts, matrix.applies) part
), discounts AS (
  -- A line a coupon and tax, so that each line has one tax.
  SELECT x.tenant_id, x.invoice_id, x.id, x.description, min(x.place) AS place,
         t.tax_name, t.tax_percent, t.contains_tax, t.tax_note, sum(x.amount)::bigint AS amount
    FROM parts x
    JOIN taxed t ON t.invoice_id = x.invoice_id AND t.place = x.place
   GROUP BY x.tenant_id, x.invoice_id, x.id, x.description, t.tax_name, t.tax_percent, t.contains_tax, t.tax_note
), taxes AS (
  -- Of what is left of all charges of a rate, rounded once.
  SELECT b.*, concat_ws(': ', format('%s %s %%', b.tax_name, trim_scale(b.tax_percent)), b.tax_note) AS description,
         saas.tax_amount(b.base, b.tax_percent, b.contains_tax) AS amount
    FROM (
      SELECT tenant_id, invoice_id, tax_name, tax_percent, contains_tax, tax_note, sum(amount)::bigint AS base
        FROM (
          SELECT tenant_id, invoice_id, tax_name, tax_percent, contains_tax, tax_note, amount FROM taxed
          UNION ALL
          SELECT tenant_id, invoice_id, tax_name, tax_percent, contains_tax, tax_note, -amount FROM discounts
        ) bases
       WHERE tax_percent IS NOT NULL
       GROUP BY tenant_id, invoice_id, tax_name, tax_percent, contains_tax, tax_note
    ) b
), sums AS (
  -- What is due before credits. A tax that the prices contain adds nothing.
  SELECT tenant_id, invoice_id, sum(amount) AS amount
    FROM (
      SELECT tenant_id, invoice_id, amount FROM taxed
      UNION ALL SELECT tenant_id, invoice_id, -amount FROM discounts
      UNION ALL SELECT tenant_id, invoice_id, amount FROM taxes WHERE NOT contains_tax
    ) due_amounts
   GROUP BY tenant_id, invoice_id
), carried AS (
  -- An invoice never owes its tenant: what late usage has made cheaper, beyond what is due, becomes credits.
  SELECT tenant_id, invoice_id, (-amount)::bigint AS amount FROM sums WHERE amount < 0
), credit AS (
  SELECT s.tenant_id, s.invoice_id, least(s.amount, c.amount)::bigint AS amount
    FROM sums s JOIN credits c ON c.tenant_id = s.tenant_id
   WHERE s.amount > 0 AND c.amount > 0
), lines AS (
  SELECT l.*, row_number() OVER (PARTITION BY tenant_id, invoice_id
                                 ORDER BY rank, place, tax_percent, description, source_id, kind DESC)::integer AS position
    FROM (
      SELECT tenant_id, invoice_id, rank, kind, description, feature_key, quantity, unit_amount, amount, period_start, period_end,
             source_id, place, tax_percent, contains_tax, NULL::bigint AS taxable_amount
        FROM taxed
      UNION ALL
      SELECT tenant_id, invoice_id, 9, 'discount', description, NULL, 1, -amount, -amount, NULL, NULL,
             id, place, tax_percent, contains_tax, NULL
        FROM discounts
      UNION ALL
      SELECT tenant_id, invoice_id, 10, 'tax', description, NULL, 1, amount, amount, NULL, NULL,
             NULL, NULL, tax_percent, contains_tax, CASE WHEN contains_tax THEN base - amount ELSE base END
        FROM taxes
      UNION ALL
      -- What the prices contain is told beside them, and taken out again: the lines then add up to what was promised.
      SELECT tenant_id, invoice_id, 10, 'adjustment', description || ', contained in the prices', NULL, 1, -amount, -amount, NULL, NULL,
             NULL, NULL, NULL, NULL, base - amount
        FROM taxes WHERE contains_tax AND amount <> 0
      UNION ALL
      SELECT tenant_id, invoice_id, 11, 'adjustment', 'Carried over as credits', NULL, 1, amount, amount, NULL, NULL,
             NULL, NULL, NULL, NULL, NULL
        FROM carried
      UNION ALL
      SELECT tenant_id, invoice_id, 12, 'credit', 'Credits used', NULL, 1, -amount, -amount, NULL, NULL,
             NULL, NULL, NULL, NULL, NULL
        FROM credit
    ) l
)
