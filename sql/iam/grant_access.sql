-- What role $1 gets: EXECUTE on the functions named $2, SELECT on the tables named $3 but for the
-- secret columns $4 (comma-separated, one text a table).
SELECT format('GRANT USAGE ON SCHEMA saas TO %s', $1::oid::regrole)
UNION ALL
SELECT format('GRANT EXECUTE ON ROUTINE %s TO %s', p.oid::regprocedure, $1::oid::regrole)
  FROM pg_proc p
 WHERE p.pronamespace = 'saas'::regnamespace AND p.proname = ANY ($2::text[])
UNION ALL
SELECT format('GRANT SELECT %s ON saas.%I TO %s',
              CASE WHEN t.secrets <> '' THEN (
                SELECT format('(%s)', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
                  FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   AND a.attname <> ALL (string_to_array(t.secrets, ',')))
              END, c.relname, $1::oid::regrole)
  FROM unnest($3::text[], $4::text[]) AS t (name, secrets)
  JOIN pg_class c ON c.relnamespace = 'saas'::regnamespace AND c.relname = t.name
