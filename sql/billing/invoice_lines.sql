-- The lines of the invoices of subscriptions $2 of tenants $1 for their current periods: one code path
-- for every invoice. Continued by what is done with them.
WITH due AS (
  SELECT s.tenant_id, s.id AS subscription_id, saas.uuid_v7() AS invoice_id, s.plan_id, p.name AS plan_name,
         s.subscription_seat AS seats, t.currency, t.time_zone,
         s.current_period_start AS period_start, s.current_period_end AS period_end,
         CASE p.billing_cycle WHEN 'calendar' THEN date_trunc('month', s.current_period_start)::date
                              ELSE s.current_period_start END AS period,
         price.base_price, price.seat_price, price.setup_fee, price.minimum_amount,
         greatest(s.subscription_seat - p.included_seats, 0) AS paid_seats,
         p.billing_interval, p.billing_cycle,
         (s.anchor AT TIME ZONE t.time_zone)::date AS first_day,
         (s.trial_end AT TIME ZONE t.time_zone)::date AS trial_end_day,
         (s.ended_at AT TIME ZONE t.time_zone)::date AS ended_day
    FROM unnest($1::uuid[], $2::uuid[]) AS d (tenant_id, id)
    JOIN saas.tenant_subscriptions s ON s.tenant_id = d.tenant_id AND s.id = d.id
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans p ON p.id = s.plan_id
    -- Without a price in the tenant's currency the amounts are NULL, which no line can hold.
    LEFT JOIN LATERAL (
      SELECT p.base_price, p.seat_price, p.setup_fee, p.minimum_amount WHERE p.currency = t.currency
      UNION ALL
      SELECT pp.base_price, pp.seat_price, pp.setup_fee, pp.minimum_amount
        FROM saas.plan_prices pp WHERE pp.plan_id = p.id AND pp.currency = t.currency AND p.currency <> t.currency
    ) price ON true
), base AS (
  -- The base fee's own period that ends in this one: the month, or once a year the year; and the days
  -- of it that are paid for, which are those of the contract after its trial.
  SELECT DISTINCT d.*, own.first AS base_start, own.last AS base_end, used.first AS used_start, used.last AS used_end
    FROM due d
   CROSS JOIN LATERAL (
     SELECT d.period AS first,
            CASE d.billing_cycle WHEN 'calendar' THEN (d.period + interval '1 month')::date ELSE d.period_end END AS last
      WHERE d.billing_interval = 'monthly'
     UNION ALL
     SELECT lower(year.days), upper(year.days)
       -- The year that holds the last day before the period's end, or the one before it if that ended within the period.
       FROM (VALUES (d.period_end - 1), (d.period_start - 1)) AS probe (day)
      CROSS JOIN LATERAL (SELECT saas.billing_days(d.first_day, '1 year', probe.day) AS days) year
      WHERE d.billing_interval = 'yearly' AND upper(year.days) > d.period_start
        AND (upper(year.days) <= d.period_end OR d.ended_day <= d.period_end)
   ) own
   CROSS JOIN LATERAL (
     SELECT greatest(own.first, d.first_day, d.trial_end_day) AS first, least(own.last, d.ended_day) AS last
   ) used
   WHERE used.first < used.last
), fees AS (
  SELECT b.tenant_id, b.invoice_id, 1 AS rank, 'subscription' AS kind, b.plan_name || ' plan' AS description,
         NULL::text AS feature_key, 1::numeric AS quantity, b.base_price::numeric AS unit_amount,
         saas.prorate(b.base_price, daterange(b.base_start, b.base_end), daterange(b.used_start, b.used_end)) AS amount,
         b.used_start AS period_start, b.used_end AS period_end, b.subscription_id AS source_id
    FROM base b
  UNION ALL
  SELECT b.tenant_id, b.invoice_id, 2, 'seat', format('Seats beyond %s included', b.seats - b.paid_seats),
         NULL, b.paid_seats, b.seat_price,
         saas.prorate(b.seat_price * b.paid_seats, daterange(b.base_start, b.base_end), daterange(b.used_start, b.used_end)),
         b.used_start, b.used_end, b.subscription_id
    FROM base b
   WHERE b.paid_seats > 0 AND b.seat_price > 0
  UNION ALL
  SELECT d.tenant_id, d.invoice_id, 3, 'usage', format('%s beyond %s included', f.feature_key, f.included_units),
         f.feature_key, f.units, f.unit_price, f.total_amount, d.period_start, d.period_end, f.id
    FROM due d
    -- What is closed was billed, with another subscription of the same month.
    JOIN saas.usage_fees f ON f.tenant_id = d.tenant_id AND f.period = d.period AND f.closed_at IS NULL
   WHERE f.total_amount > 0
), minimum AS (
  -- Of the base fee's period and for the same days; what earlier invoices of a year charged counts.
  SELECT b.tenant_id, b.invoice_id, 4, 'minimum', b.plan_name || ' plan: minimum', NULL::text, 1::numeric,
         least_amount.amount - charged.amount, least_amount.amount - charged.amount,
         b.used_start, b.used_end, b.subscription_id
    FROM base b
   CROSS JOIN LATERAL (
     SELECT saas.prorate(b.minimum_amount, daterange(b.base_start, b.base_end), daterange(b.used_start, b.used_end)) AS amount
   ) least_amount
   CROSS JOIN LATERAL (
     SELECT (coalesce((SELECT sum(f.amount) FROM fees f WHERE f.invoice_id = b.invoice_id), 0)
             + coalesce((SELECT sum(i.subscription_amount + i.usage_amount) FROM saas.payment_invoices i
                          WHERE i.tenant_id = b.tenant_id AND i.subscription_id = b.subscription_id
                            AND i.period_start >= b.base_start AND i.status <> 'void'), 0))::bigint AS amount
   ) charged
   WHERE b.minimum_amount > 0 AND least_amount.amount > charged.amount
), setup AS (
  SELECT d.tenant_id, d.invoice_id, 5, 'setup', d.plan_name || ' plan: set-up', NULL::text, 1::numeric,
         d.setup_fee::numeric, d.setup_fee, d.period_start, d.period_end, d.subscription_id
    FROM due d
   WHERE d.setup_fee > 0
     AND NOT EXISTS (SELECT FROM saas.billed_periods b
                      WHERE b.tenant_id = d.tenant_id AND b.subscription_id = d.subscription_id)
), late AS (
  -- What units that came after their period was closed cost: the price of all, less the price of what
  -- was billed, by the plan that the period was billed by. Several arrivals bill one after the other.
  SELECT a.tenant_id, d.invoice_id, a.id, a.feature_key, a.period, a.units,
         saas.usage_price(pf.included_units, pf.overage_price, pf.price_model, billed.units + a.units)
         - saas.usage_price(pf.included_units, pf.overage_price, pf.price_model, billed.units) AS amount
    FROM due d
    JOIN saas.usage_adjustments a ON a.tenant_id = d.tenant_id AND a.invoice_id IS NULL
    JOIN LATERAL (
      SELECT b.plan_id FROM saas.billed_periods b
       WHERE b.tenant_id = a.tenant_id AND b.period = a.period ORDER BY b.period_end DESC, b.period_start DESC LIMIT 1
    ) rated ON true
    JOIN saas.plans p ON p.id = rated.plan_id
    LEFT JOIN saas.plan_features pf ON pf.plan_id = rated.plan_id AND pf.feature_key = a.feature_key
          AND pf.currency IS NOT DISTINCT FROM nullif(d.currency, p.currency)
   CROSS JOIN LATERAL (
     SELECT (s.units_used + coalesce((
              SELECT sum(o.units) FROM saas.usage_adjustments o
               WHERE o.tenant_id = a.tenant_id AND o.feature_key = a.feature_key AND o.period = a.period
                 AND (o.invoice_id IS NOT NULL OR (o.created_at, o.id) < (a.created_at, a.id))), 0))::bigint AS units
       FROM saas.usage_summaries s
      WHERE s.tenant_id = a.tenant_id AND s.feature_key = a.feature_key AND s.period = a.period
   ) billed
), charges AS (
  SELECT * FROM fees
  UNION ALL SELECT * FROM minimum
  UNION ALL SELECT * FROM setup
  UNION ALL
  SELECT l.tenant_id, l.invoice_id, 6, 'adjustment',
         format('%s: %s late units of %s', l.feature_key, l.units, to_char(l.period, 'YYYY-MM-DD')),
         l.feature_key, abs(l.units), CASE WHEN l.units = 0 THEN 0 ELSE l.amount / abs(l.units)::numeric END, l.amount,
         l.period, NULL, l.id
    FROM late l
   WHERE l.amount <> 0
), carried AS (
  -- An invoice never owes its tenant: what late usage has made cheaper, beyond what is due, becomes credits.
  SELECT tenant_id, invoice_id, -sum(amount)::bigint AS amount FROM charges GROUP BY tenant_id, invoice_id HAVING sum(amount) < 0
), credit AS (
  SELECT d.tenant_id, d.invoice_id,
         least(greatest(coalesce((SELECT sum(c.amount) FROM charges c WHERE c.invoice_id = d.invoice_id), 0), 0),
               coalesce((SELECT l.balance_after FROM saas.tenant_credit_ledger l
                          WHERE l.tenant_id = d.tenant_id ORDER BY l.entry DESC LIMIT 1), 0))::bigint AS amount
    FROM due d
), lines AS (
  SELECT * FROM charges
  UNION ALL
  SELECT c.tenant_id, c.invoice_id, 7, 'adjustment', 'Carried over as credits', NULL, 1, c.amount, c.amount, NULL, NULL, NULL
    FROM carried c
  UNION ALL
  SELECT c.tenant_id, c.invoice_id, 9, 'credit', 'Credits used', NULL, 1, -c.amount, -c.amount, NULL, NULL, NULL
    FROM credit c WHERE c.amount > 0
)
