-- Rounding half away from zero, and proration by whole days.
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE statement INTO result;
  RETURN 'went through: ' || coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || left(sqlerrm, 100);
END $$;
SELECT a AS amount, saas.round_minor(a) FROM unnest(ARRAY[0.5, 1.5, 2.5, -0.5, -2.5, 0.4999999999999999999999999999999999, -0.49, 0, 1e18,
  9223372036854775807.4, -9223372036854775808.4]::numeric[]) a;
SELECT s AS statement, refused(s) FROM unnest(ARRAY[
  $$SELECT saas.round_minor(9223372036854775807.5)$$,
  $$SELECT saas.round_minor(-9223372036854775808.5)$$,
  $$SELECT saas.round_minor(1e1000)$$,
  $$SELECT saas.round_minor('NaN')$$,
  $$SELECT saas.round_minor('Infinity')$$,
  $$SELECT saas.round_minor('-Infinity')$$]) s;
SELECT saas.round_minor(NULL) IS NULL AS nothing;

SELECT c.what, saas.prorate(amount, period::daterange, used::daterange) AS amount, wanted,
       saas.prorate(amount, period::daterange, used::daterange) = wanted AS ok
  FROM (VALUES
    ('from Jan 15', 31000, '[2026-01-01,2026-02-01)', '[2026-01-15,2026-02-01)', 17000),
    ('from Feb 15', 28000, '[2026-02-01,2026-03-01)', '[2026-02-15,2026-03-01)', 14000),
    ('trial of five days from April 1', 5000, '[2026-04-01,2026-05-01)', '[2026-04-06,2026-05-01)', 4167),
    ('trial of ten days from March 5', 5000000, '[2024-03-01,2024-04-01)', '[2024-03-15,2024-04-01)', 2741935),
    ('halfway, credit', -1000, '[2025-06-01,2025-07-01)', '[2025-06-16,2025-07-01)', -500),
    ('halfway, debit', 2000, '[2025-06-01,2025-07-01)', '[2025-06-16,2025-07-01)', 1000),
    ('June 16, credit', -10000, '[2025-06-01,2025-07-01)', '[2025-06-16,2025-07-01)', -5000),
    ('June 16, debit', 30000, '[2025-06-01,2025-07-01)', '[2025-06-16,2025-07-01)', 15000),
    ('June 11, credit', -10000, '[2025-06-01,2025-07-01)', '[2025-06-11,2025-07-01)', -6667),
    ('June 11, debit', 30000, '[2025-06-01,2025-07-01)', '[2025-06-11,2025-07-01)', 20000),
    ('day 7, credit', 10000, '[2025-06-01,2025-07-01)', '[2025-06-07,2025-07-01)', 8000),
    ('day 7, debit', 20000, '[2025-06-01,2025-07-01)', '[2025-06-07,2025-07-01)', 16000),
    ('day 13, credit', 20000, '[2025-06-01,2025-07-01)', '[2025-06-13,2025-07-01)', 12000),
    ('day 13, debit', 30000, '[2025-06-01,2025-07-01)', '[2025-06-13,2025-07-01)', 18000),
    ('day 19, credit', 30000, '[2025-06-01,2025-07-01)', '[2025-06-19,2025-07-01)', 12000),
    ('day 19, debit', 40000, '[2025-06-01,2025-07-01)', '[2025-06-19,2025-07-01)', 16000),
    ('first day', 3000, '[2025-06-01,2025-07-01)', '[2025-06-01,2025-07-01)', 3000),
    ('last day', 3000, '[2025-06-01,2025-07-01)', '[2025-06-30,2025-07-01)', 100),
    ('each line rounds by itself: credit', -1000, '[2025-01-01,2025-01-15)', '[2025-01-09,2025-01-15)', -429),
    ('each line rounds by itself: debit', 2001, '[2025-01-01,2025-01-15)', '[2025-01-09,2025-01-15)', 858),
    ('half a unit', 1, '[2025-01-01,2025-01-03)', '[2025-01-01,2025-01-02)', 1),
    ('minus half a unit', -1, '[2025-01-01,2025-01-03)', '[2025-01-01,2025-01-02)', -1),
    ('closed bounds', 31, '[2026-01-01,2026-01-31]', '(2026-01-14,2026-01-31]', 17),
    ('a leap year', 36600, '[2024-02-29,2025-03-01)', '[2024-02-29,2024-03-01)', 100),
    ('nothing used', 31000, '[2026-01-01,2026-02-01)', 'empty', 0),
    ('the largest', 9223372036854775807, '[2026-01-01,2026-02-01)', '[2026-01-01,2026-02-01)', 9223372036854775807),
    ('the smallest', -9223372036854775808, '[0001-01-01,9999-01-01)', '[0001-01-01,9999-01-01)', -9223372036854775808)
  ) AS c (what, amount, period, used, wanted);
-- A tiling of any period adds up to within half a unit a piece, and never loses a day.
SELECT bool_and(abs(saas.prorate(1000, p, daterange(lower(p), d)) + saas.prorate(1000, p, daterange(d, upper(p))) - 1000) <= 1) AS tiles
  FROM (SELECT daterange('2024-02-01', '2024-03-01') AS p) p, generate_series(date '2024-02-01', '2024-03-01', '1 day') AS g (at),
       LATERAL (SELECT g.at::date AS d) d;

SELECT s AS statement, refused(s) FROM unnest(ARRAY[
  $$SELECT saas.prorate(100, 'empty', '[2020-01-01,2020-01-02)')$$,
  $$SELECT saas.prorate(100, '[2020-01-01,)', '[2020-01-01,2020-01-02)')$$,
  $$SELECT saas.prorate(100, '(,2020-01-01)', '[2019-01-01,2019-01-02)')$$,
  $$SELECT saas.prorate(100, '(,)', '[2020-01-01,2020-01-02)')$$,
  $$SELECT saas.prorate(100, '[2020-01-01,2020-02-01)', '[2020-01-01,)')$$,
  $$SELECT saas.prorate(100, '[2020-01-01,infinity)', '[2020-01-01,2020-01-02)')$$,
  $$SELECT saas.prorate(100, '[-infinity,2020-01-01)', '[2019-01-01,2019-01-02)')$$,
  $$SELECT saas.prorate(100, '[-infinity,infinity]', '[2020-01-01,2020-01-02)')$$,
  $$SELECT saas.prorate(100, '[2020-01-02,2020-01-10)', '[2020-01-01,2020-01-03)')$$,
  $$SELECT saas.prorate(100, '[2020-01-02,2020-01-10)', '[2020-01-09,2020-01-11)')$$,
  $$SELECT saas.prorate(100, '[4714-11-24 BC,5874897-12-31)', '[2020-01-01,2020-01-02)')$$]) s;
SELECT saas.prorate(NULL, '[2020-01-01,2020-01-02)', 'empty') IS NULL AS nothing;
