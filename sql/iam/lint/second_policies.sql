-- Permissive policies beside another one for the same role and command. The one that stays is saas.protect_table's, with comment
-- $1, or the first that is the bare check.
, counting AS (
  SELECT p.oid, p.polrelid, p.polname, r.oid AS role, v.command,
         row_number() OVER w AS place, first_value(p.polname) OVER w AS stays
    FROM pg_policy p
    JOIN pg_class c ON c.oid = p.polrelid
   CROSS JOIN (VALUES ('r', 'SELECT'), ('a', 'INSERT'), ('w', 'UPDATE'), ('d', 'DELETE')) AS v (letter, command)
    JOIN application r ON 0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) named WHERE pg_has_role(r.oid, named, 'USAGE'))
   WHERE p.polpermissive AND p.polcmd::text IN (v.letter, '*') AND c.relrowsecurity
     AND (c.relnamespace = 'saas'::regnamespace OR c.oid IN (SELECT t.oid FROM tenant_table t))
  WINDOW w AS (PARTITION BY p.polrelid, r.oid, v.letter
               ORDER BY obj_description(p.oid, 'pg_policy') IS NOT DISTINCT FROM $1 DESC,
                        pg_get_expr(coalesce(p.polqual, p.polwithcheck), p.polrelid) LIKE 'saas.has\_tenant\_permission(%' DESC, p.polname)
)
SELECT 'warning', format('policy %I on %s', polname, polrelid::regclass),
       format('beside %s: for %s by %s rows of both are let through, and the index serves neither', string_agg(DISTINCT quote_ident(stays), ', '),
              string_agg(DISTINCT command, ', '), string_agg(DISTINCT role::regrole::text, ', ')),
       format('DROP POLICY %I ON %s', polname, polrelid::regclass)
  FROM counting
 WHERE place > 1
 GROUP BY polrelid, polname
