-- A policy's name begins with the kind that it is for; app and gateway share theirs. A policy must
-- name somebody: without a role of its kind, the owner, whom it does not concern. Outside of schema
-- saas it is about the policies of saas.protect_table, which have the comment $1, on tables of the data owner.
SELECT format('ALTER POLICY %I ON %s TO %s', p.polname, c.oid::regclass, coalesce(wanted.names, c.relowner::regrole::text))
  FROM pg_policy p
  JOIN pg_class c ON c.oid = p.polrelid
 CROSS JOIN LATERAL (
   SELECT string_agg(g.role_id::text, ', ' ORDER BY g.role_id::text) AS names,
          array_agg(g.role_id::oid ORDER BY g.role_id::oid) AS ids
     FROM saas.access_grants g
    WHERE CASE g.kind WHEN 'gateway' THEN 'app' ELSE g.kind END = split_part(p.polname, '_', 1)
 ) wanted
 WHERE split_part(p.polname, '_', 1) IN ('app', 'admin', 'auditor', 'worker')
   AND (c.relnamespace = 'saas'::regnamespace
        OR obj_description(p.oid, 'pg_policy') = $1
           AND c.relowner = (SELECT t.relowner FROM pg_class t WHERE t.oid = 'saas.tenants'::regclass))
   AND coalesce(wanted.ids, ARRAY[c.relowner])
       IS DISTINCT FROM (SELECT array_agg(named ORDER BY named) FROM unnest(p.polroles) named)
