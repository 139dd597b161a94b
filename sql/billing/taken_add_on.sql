-- How many of add-on $3 contract $2 of tenant $1 has on the day of $4, the next day for which another number has been said, and why
-- nothing can be said of that day.
WITH said AS (
  SELECT a.*, t.time_zone, a.first > ($4 AT TIME ZONE t.time_zone)::date AS is_later
    FROM saas.tenants t
   CROSS JOIN LATERAL saas.add_on_days(t.id, $2) a
   WHERE t.id = $1 AND a.key = $3 AND (a.next IS NULL OR a.next > ($4 AT TIME ZONE t.time_zone)::date)
), has AS (
  SELECT coalesce((SELECT s.quantity FROM said s WHERE NOT s.is_later), 0) AS quantity
)
SELECT has.quantity,
       (SELECT min(s.first::timestamp AT TIME ZONE s.time_zone) FROM said s WHERE s.is_later AND s.quantity <> has.quantity),
       CASE WHEN EXISTS (SELECT FROM said s WHERE s.is_later AND s.at_once) THEN 'the add-on has been changed for a later day' END
  FROM has
