-- Month $1: $2 more are closed, $3 are left (parked ones among them), $4: nothing more can be done.
WITH parked AS (
  SELECT count(*) AS count FROM saas.close_parked WHERE period = $1
), noted AS (
  INSERT INTO saas.close_progress AS p (period, total, done, parked, finished_at)
  SELECT $1, $2 + $3, $2, parked.count, CASE WHEN $4 THEN clock_timestamp() END FROM parked
  ON CONFLICT (period) DO UPDATE
     SET done = p.done + $2, total = p.done + $2 + $3, parked = excluded.parked,
         updated_at = clock_timestamp(), finished_at = excluded.finished_at
  RETURNING period, total, done, parked, finished_at
)
SELECT format('%s: %s of %s closed%s%s', to_char(period, 'YYYY-MM'), done, total,
              CASE WHEN parked > 0 THEN format(', %s parked', parked) ELSE '' END,
              CASE WHEN finished_at IS NOT NULL THEN ', finished' ELSE '' END)
  FROM noted
