-- What role $1 loses: everything that the data owner gave it in the schema.
SELECT format('REVOKE ALL ON SCHEMA saas FROM %s', $1::oid::regrole)
UNION ALL
SELECT format('REVOKE ALL ON ALL TABLES IN SCHEMA saas FROM %s', $1::oid::regrole)
UNION ALL
-- Columns that are not secret are granted one by one where a table has secret ones.
SELECT format('REVOKE ALL (%s) ON saas.%I FROM %s',
              (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), c.relname, $1::oid::regrole)
  FROM pg_class c
 WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p', 'v')
   AND EXISTS (SELECT FROM pg_attribute a, aclexplode(a.attacl) acl WHERE a.attrelid = c.oid AND acl.grantee = $1::oid)
UNION ALL
SELECT format('REVOKE ALL ON ALL ROUTINES IN SCHEMA saas FROM %s', $1::oid::regrole)
