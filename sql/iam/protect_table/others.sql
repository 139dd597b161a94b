-- Other permissive policies of table $1 that count for the roles of kind app and gateway; those with the comment $2 are ours.
SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname)
  FROM pg_policy p
 WHERE p.polrelid = $1 AND p.polpermissive
   AND obj_description(p.oid, 'pg_policy') IS DISTINCT FROM $2
   AND (0 = ANY (p.polroles)
        OR EXISTS (SELECT FROM saas.access_grants g, unnest(p.polroles) AS named (role)
                    WHERE g.kind IN ('app', 'gateway') AND pg_has_role(g.role_id::oid, named.role, 'USAGE')))
