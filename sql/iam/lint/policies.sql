-- All policies, in parts.
SELECT format('policy %I on %s', p.polname, c.oid::regclass), c.oid::regclass::text, c.relnamespace = 'saas'::regnamespace, p.polcmd = 'a',
       pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
       format('ALTER POLICY %I ON %s', p.polname, c.oid::regclass), format('DROP POLICY %I ON %s', p.polname, c.oid::regclass),
       format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, c.oid::regclass, CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
              CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
              (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END, ', ') FROM unnest(p.polroles) r))
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
 ORDER BY 1
