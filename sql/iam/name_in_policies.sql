-- A policy's name begins with the kind that it is for; app and gateway share theirs. A policy must
-- name somebody: without a role of its kind, the owner, whom it does not concern.
SELECT format('ALTER POLICY %I ON saas.%I TO %s', p.polname, c.relname, coalesce(wanted.names, c.relowner::regrole::text))
  FROM pg_policy p
  JOIN pg_class c ON c.oid = p.polrelid AND c.relnamespace = 'saas'::regnamespace
 CROSS JOIN LATERAL (
   SELECT string_agg(g.role_id::text, ', ' ORDER BY g.role_id::text) AS names,
          array_agg(g.role_id::oid ORDER BY g.role_id::oid) AS ids
     FROM saas.access_grants g
    WHERE CASE g.kind WHEN 'gateway' THEN 'app' ELSE g.kind END = split_part(p.polname, '_', 1)
 ) wanted
 WHERE split_part(p.polname, '_', 1) IN ('app', 'admin', 'auditor', 'worker')
   AND coalesce(wanted.ids, ARRAY[c.relowner])
       IS DISTINCT FROM (SELECT array_agg(named ORDER BY named) FROM unnest(p.polroles) named)
