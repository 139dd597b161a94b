-- Fifty workspaces at random: what a recount needs to know, as rows of plain tables.
CREATE SCHEMA world;
CREATE TABLE world.plan AS
SELECT 'plan' || i AS key, (random() * 90000)::int AS base, (random() * 5000)::int AS seat, (random() * 4)::int AS seats_included,
       CASE WHEN random() < 0.5 THEN (random() * 9000)::int ELSE 0 END AS setup,
       CASE WHEN random() < 0.7 THEN (random() * 200000)::int ELSE 0 END AS least
  FROM generate_series(1, 8) i;
CREATE TABLE world.price AS
SELECT key AS plan, feature, (random() * 400)::int AS included,
       round((random() * 30)::numeric, 3) AS first_price, round((random() * 10)::numeric, 2) AS further_price,
       (1 + random() * 300)::int AS tier, (random() * 500)::int AS flat, feature = 'tiered' AS is_tiered
  FROM world.plan, unnest(ARRAY['simple', 'tiered', 'rare']) feature
 WHERE feature <> 'rare' OR random() < 0.5;
CREATE TABLE world.tenant AS
SELECT gen_random_uuid() AS id, i,
       (ARRAY['UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia', 'Europe/Berlin'])[1 + (random() * 4)::int] AS zone,
       'plan' || 1 + (random() * 7)::int AS plan, 1 + (random() * 9)::int AS seats,
       date '2025-12-15' + (random() * 65)::int AS starts, CASE WHEN random() < 0.3 THEN (random() * 40)::int ELSE 0 END AS trial,
       CASE WHEN random() < 0.6 THEN (1 + random() * 90000)::int ELSE 0 END AS credit
  FROM generate_series(1, 50) i;
CREATE TABLE world.event AS
SELECT t.id AS tenant, (ARRAY['simple', 'tiered', 'rare'])[1 + (random() * 2)::int] AS feature, (random() * 60)::bigint AS units,
       'e' || n AS id, timestamptz '2025-12-31 12:00Z' + random() * interval '58 days' AS at, random() < 0.05 AS is_late
  FROM (SELECT n, 1 + (random() * 49)::int AS i FROM generate_series(1, 6000) n) e JOIN world.tenant t USING (i);
INSERT INTO world.event SELECT tenant, feature, units, id, at, random() < 0.5 FROM world.event WHERE random() < 0.1;

UPDATE saas.settings SET usage_id_retention = '100 years';
INSERT INTO saas.plans (key, name, base_price, seat_price, included_seats, setup_fee, minimum_amount, currency, billing_interval)
SELECT key, key, base, seat, seats_included, setup, least, 'USD', 'monthly' FROM world.plan;
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price, price_model)
SELECT p.id, w.feature, w.included, CASE WHEN NOT is_tiered THEN first_price END,
       CASE WHEN is_tiered THEN jsonb_build_object('model', 'graduated', 'tiers', jsonb_build_array(
         jsonb_build_object('up_to', tier, 'unit_amount', first_price::text, 'flat_amount', flat::text),
         jsonb_build_object('unit_amount', further_price::text))) END
  FROM world.price w JOIN saas.plans p ON p.key = w.plan;
INSERT INTO saas.plan_features (plan_id, feature_key, included_units) SELECT id, 'rare', 0 FROM saas.plans WHERE key = 'free';
INSERT INTO saas.tenants (id, name, time_zone) SELECT id, 'Tenant ' || i, zone FROM world.tenant;
SELECT saas.subscribe(id, plan, seats, starts::timestamp AT TIME ZONE zone, make_interval(days => trial)),
       CASE WHEN credit > 0 THEN saas.grant_credit(id, credit, 'one', 'promo', priority => 2) END,
       CASE WHEN credit > 0 THEN saas.grant_credit(id, 100, 'two', 'promo', expires_at => '2999-01-01Z') END
  FROM world.tenant;

-- Delivers what is or is not late, in batches.
CREATE FUNCTION world.deliver(late boolean) RETURNS bigint LANGUAGE sql AS $$
  SELECT sum(saas.record_usage_batch(tenants, features, units, ids, times))::bigint
    FROM (SELECT array_agg(tenant) AS tenants, array_agg(feature) AS features, array_agg(units) AS units, array_agg(id) AS ids, array_agg(at) AS times
            FROM (SELECT *, row_number() OVER () / 500 AS batch FROM world.event WHERE is_late = late) e GROUP BY batch) b
$$;

-- The recount, in arithmetic that has nothing of the extension's. Months: 0 is December, 2 February.
CREATE FUNCTION world.fee(p world.price, units numeric) RETURNS numeric LANGUAGE sql AS $$
  SELECT round(CASE
    WHEN NOT p.is_tiered THEN greatest(units - p.included, 0) * p.first_price
    ELSE p.flat + least(greatest(units - p.included, 0), p.tier) * p.first_price + greatest(units - p.included - p.tier, 0) * p.further_price
  END)
$$;
CREATE VIEW world.usage AS
SELECT tenant, feature, month, sum(units) AS total, coalesce(sum(units) FILTER (WHERE month = 2 OR NOT late), 0) AS in_time
  FROM (SELECT tenant, feature, e.id, units, bool_and(is_late) AS late,
               to_char(at AT TIME ZONE t.zone, 'YYYY')::int * 12 + to_char(at AT TIME ZONE t.zone, 'MM')::int - 24312 AS month
          FROM world.event e JOIN world.tenant t ON t.id = e.tenant GROUP BY tenant, feature, e.id, units, at, t.zone) e
 GROUP BY tenant, feature, month;
CREATE VIEW world.wanted AS
WITH span AS (
  SELECT t.id, t.plan, t.seats, t.starts, t.credit, p.base, p.seat, p.seats_included, p.setup, p.least, m.month, m.last,
         m.last - m.first AS length, greatest(m.last - greatest(m.first, t.starts + t.trial), 0) AS days,
         m.month = min(m.month) FILTER (WHERE m.last > greatest(m.first, t.starts + t.trial)) OVER (PARTITION BY t.id) AS is_first
    FROM world.tenant t JOIN world.plan p ON p.key = t.plan
    JOIN (VALUES (0, date '2025-12-01', date '2026-01-01'), (1, '2026-01-01', '2026-02-01'), (2, '2026-02-01', '2026-03-01')) AS m (month, first, last)
      ON t.starts < m.last
), fee AS (
  SELECT s.id, s.month, world.fee(w, coalesce(u.in_time, 0)) AS fee, world.fee(w, coalesce(u.total, 0)) - world.fee(w, coalesce(u.in_time, 0)) AS later
    FROM span s JOIN world.price w ON w.plan = s.plan
    LEFT JOIN world.usage u ON u.tenant = s.id AND u.feature = w.feature AND u.month = s.month
), charge AS (
  SELECT s.*, round(base::numeric * days / length) AS base_fee, round(seat::numeric * greatest(seats - seats_included, 0) * days / length) AS seat_fee,
         (SELECT sum(f.fee) FROM fee f WHERE f.id = s.id AND f.month = s.month) AS usage,
         CASE s.month WHEN 2 THEN (SELECT sum(f.later) FROM fee f WHERE f.id = s.id) ELSE 0 END AS adjustment,
         CASE WHEN is_first THEN setup ELSE 0 END AS setup_fee
    FROM span s
), due AS (
  SELECT *, CASE WHEN days > 0 THEN greatest(round(least::numeric * days / length) - base_fee - seat_fee - usage, 0) ELSE 0 END AS minimum FROM charge
), owed AS (
  SELECT *, base_fee + seat_fee + usage + adjustment + setup_fee + minimum AS amount, CASE WHEN credit > 0 THEN credit + 100 ELSE 0 END AS given FROM due
), spent AS (
  SELECT *, greatest(given - coalesce(sum(amount) OVER (PARTITION BY id ORDER BY month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0), 0) AS left
    FROM owed
)
SELECT id, month, format('%s + %s seat + %s used + %s late + %s set-up + %s minimum - %s = %s', base_fee, seat_fee, usage, adjustment, setup_fee, minimum,
                         least("left", amount), amount - least("left", amount)) AS invoice
  FROM spent;
CREATE VIEW world.made AS
SELECT i.tenant_id AS id, to_char(i.period, 'YYYY')::int * 12 + to_char(i.period, 'MM')::int - 24312 AS month,
       format('%s + %s seat + %s used + %s late + %s set-up + %s minimum - %s = %s', of.subscription, of.seat, of.usage, of.adjustment, of.setup, of.minimum,
              i.credit_amount, i.total_amount) AS invoice
  FROM saas.payment_invoices i
 CROSS JOIN LATERAL (
   SELECT coalesce(sum(amount) FILTER (WHERE kind = 'subscription'), 0) AS subscription, coalesce(sum(amount) FILTER (WHERE kind = 'seat'), 0) AS seat,
          coalesce(sum(amount) FILTER (WHERE kind = 'usage'), 0) AS usage, coalesce(sum(amount) FILTER (WHERE kind = 'adjustment'), 0) AS adjustment,
          coalesce(sum(amount) FILTER (WHERE kind = 'setup'), 0) AS setup, coalesce(sum(amount) FILTER (WHERE kind = 'minimum'), 0) AS minimum
     FROM saas.payment_invoice_lines l WHERE l.tenant_id = i.tenant_id AND l.invoice_id = i.id
 ) of;
