-- Month $1: $2 more are closed, $3 are left (parked ones among them), $4: nothing more can be done. A run is over when
-- somebody found nothing more to do, or did nothing for some minutes; a batch takes from now() on.
WITH parked AS (
  SELECT count(*) AS count FROM saas.close_parked WHERE period = $1
), before AS (
  SELECT p.finished_at IS NULL AND p.updated_at > clock_timestamp() - interval '5 minutes' AS goes_on, p.run_started_at, p.run_done
    FROM saas.close_progress p WHERE p.period = $1
     FOR NO KEY UPDATE
), run AS (
  SELECT began, done, parked.count AS parked,
         CASE WHEN done > 0 THEN round(done / greatest(extract(epoch FROM clock_timestamp() - began), 0.001), 1) END AS rate
    FROM parked
    LEFT JOIN before b ON true
   CROSS JOIN LATERAL (
     SELECT CASE WHEN b.goes_on THEN b.run_started_at ELSE now() END AS began, CASE WHEN b.goes_on THEN b.run_done ELSE 0 END + $2 AS done
   ) counted
), noted AS (
  INSERT INTO saas.close_progress AS p (period, total, done, parked, updated_at, finished_at, run_started_at, run_done, rate, estimated_at)
  SELECT $1, $2 + $3, $2, r.parked, clock_timestamp(), CASE WHEN $4 THEN clock_timestamp() END, r.began, r.done, r.rate,
         CASE WHEN NOT $4 AND $3 > r.parked AND r.rate > 0 THEN clock_timestamp() + make_interval(secs => ($3 - r.parked) / r.rate::float8) END
    FROM run r
  ON CONFLICT (period) DO UPDATE
     SET done = p.done + $2, total = p.done + $2 + $3, parked = excluded.parked,
         updated_at = clock_timestamp(), finished_at = excluded.finished_at,
         run_started_at = excluded.run_started_at, run_done = excluded.run_done, rate = excluded.rate, estimated_at = excluded.estimated_at
  RETURNING period, total, done, parked, finished_at, rate, estimated_at
)
SELECT format('%s: %s of %s closed%s%s%s', to_char(period, 'YYYY-MM'), done, total,
              CASE WHEN parked > 0 THEN format(', %s parked', parked) ELSE '' END,
              CASE WHEN finished_at IS NULL AND rate > 0 THEN format(', %s a second', rate) ELSE '' END,
              CASE WHEN finished_at IS NOT NULL THEN ', finished'
                   WHEN estimated_at IS NOT NULL THEN format(', about %s left', date_trunc('second', estimated_at - clock_timestamp() + interval '0.5 s'))
                   ELSE '' END)
  FROM noted
