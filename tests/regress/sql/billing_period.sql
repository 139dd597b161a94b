-- Billing periods: always from the anchor, half-open, in the zone's civil time.
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE statement INTO result;
  RETURN 'went through: ' || coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || left(sqlerrm, 100);
END $$;
CREATE FUNCTION days(anchor text, every text, at text, zone text DEFAULT 'UTC') RETURNS text LANGUAGE sql AS $$
  SELECT format('[%s, %s)', lower(p) AT TIME ZONE zone, upper(p) AT TIME ZONE zone)
    FROM saas.billing_period(anchor::timestamp AT TIME ZONE zone, every::interval, at::timestamp AT TIME ZONE zone, zone) p
$$;
-- Day 31 never drifts.
SELECT at::date, days('2026-01-31', '1 month', at::text) FROM generate_series(timestamp '2026-01-31', '2026-07-01', '15 days') at;
SELECT days('2022-12-31', '1 month', at) FROM unnest('{2022-12-31,2023-01-31,2023-02-28,2023-03-31,2023-04-30,2024-01-31,2024-02-29,2024-03-31}'::text[]) at;
SELECT days('2024-02-29', '1 year', at) FROM unnest('{2024-02-29,2025-02-27 23:59:59.999999,2025-02-28,2025-02-28 12:00,2026-02-28,2028-02-29}'::text[]) at;
SELECT days('2023-01-31', '1 month', '2024-02-15'), days('2023-01-31', '1 month', '2024-02-29');
-- Other lengths, and backwards before the anchor.
SELECT e AS every, days('2026-01-31 15:30', e, '2026-05-05'), days('2026-01-31 15:30', e, '2025-05-05')
  FROM unnest('{1 day,1 week,10 days,1 month,3 months,1 year,5 years}'::text[]) e;
-- Whole days, which is how subscriptions are billed: the hour of the anchor plays no part.
SELECT day::date, saas.billing_days('2026-01-31', '1 month', day::date) FROM generate_series(timestamp '2026-01-30', '2026-05-01', '14 days') day;
SELECT saas.billing_days('2024-02-29', '1 year', d) FROM unnest('{2024-02-28,2024-02-29,2025-02-27,2025-02-28,2028-02-29}'::date[]) d;

-- Two hours are one day short, or one too long, where the clock is changed.
SELECT z AS zone, a AS anchor, p.period, upper(p.period) - lower(p.period) AS length
  FROM (VALUES
    ('America/New_York', '2026-02-15 00:00', '2026-03-01'), ('America/New_York', '2026-10-15 00:00', '2026-11-01'),
    ('America/New_York', '2026-02-08 02:30', '2026-03-07'), ('America/New_York', '2026-02-08 02:30', '2026-03-09'),
    ('America/New_York', '2026-10-01 01:30', '2026-11-01 01:30'),
    ('Asia/Kolkata', '2026-01-31 00:00', '2026-02-10'), ('Pacific/Apia', '2011-11-30 00:00', '2011-12-15'),
    ('Pacific/Apia', '2011-11-30 12:00', '2011-12-31 13:00'), ('America/Sao_Paulo', '2018-10-04 00:00', '2018-11-04 01:00')
  ) AS c (z, a, at),
  LATERAL (SELECT saas.billing_period(a::timestamp AT TIME ZONE z, '1 month', at::timestamp AT TIME ZONE z, z) AS period) p;
-- Every moment has one period that contains it, whose bounds are periods' bounds again: no gap, no overlap.
SELECT z AS zone, count(*) AS moments, bool_and(p.period @> at) AS contained,
       bool_and(saas.billing_period(anchor, '1 month', upper(p.period), z) = n.period AND lower(n.period) = upper(p.period)) AS tiles
  FROM unnest('{UTC,America/New_York,Asia/Kolkata,Pacific/Apia,America/Sao_Paulo,Australia/Lord_Howe,Africa/Cairo}'::text[]) z,
       (VALUES (timestamptz '2011-01-31 00:30Z'), ('2010-03-14 02:30Z'), ('2012-02-29 23:59:59.999999Z')) AS a (anchor),
       generate_series(timestamptz '2009-12-30 11:00Z', '2012-12-31', '37 hours') at,
       LATERAL (SELECT saas.billing_period(anchor, '1 month', at, z) AS period) p,
       LATERAL (SELECT saas.billing_period(anchor, '1 month', upper(p.period), z) AS period) n
 GROUP BY z ORDER BY z;

-- What is no length, no zone, or no time.
SELECT s AS statement, refused(s) FROM unnest(ARRAY[
  $$SELECT saas.billing_period('2020-01-01', '0', '2020-01-01')$$,
  $$SELECT saas.billing_period('2020-01-01', '-1 month', '2020-01-01')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 month 1 day', '2020-01-01')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 hour', '2020-01-01')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 month', '2020-01-01', 'Nowhere/Land')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 month', '2020-01-01', '')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 month', '2020-01-01', repeat('x', 1000))$$,
  $$SELECT saas.billing_period('infinity', '1 month', '2020-01-01')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 month', '-infinity')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 month', '294276-12-31')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 month', '294276-12-31', 'America/New_York')$$,
  $$SELECT saas.billing_period('2020-01-01', '178000000 years', '2020-01-01')$$,
  $$SELECT saas.billing_period('2020-01-01', '2147483647 days', '2019-01-01')$$,
  $$SELECT saas.billing_period('4714-11-24 BC', '1 month', '4714-11-24 BC')$$,
  $$SELECT saas.billing_period('2020-01-01', '1 month', '4714-11-24 BC')$$,
  $$SELECT saas.billing_days('infinity', '1 month', '2020-01-01')$$,
  $$SELECT saas.billing_days('2020-01-01', '1 month', '5874897-12-31')$$,
  $$SELECT saas.billing_days('2020-01-01', '1 month', '4714-11-24 BC')$$,
  $$SELECT saas.billing_days('2020-01-01', '1 hour', '2020-01-01')$$]) s;
SELECT saas.billing_period(NULL, '1 month', now()) IS NULL AS nothing;
