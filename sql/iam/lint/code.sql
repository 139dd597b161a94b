-- Functions and triggers.
SELECT 'error', format('function %s', p.oid::regprocedure),
       'it runs with the rights of the data owner, and with whatever search_path its caller has',
       format('ALTER ROUTINE %s SET search_path = pg_catalog, %I, pg_temp', p.oid::regprocedure, n.nspname)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prosecdef AND p.proowner = (SELECT c.relowner FROM pg_class c WHERE c.oid = 'saas.tenants'::regclass)
   AND NOT EXISTS (SELECT FROM unnest(p.proconfig) setting WHERE starts_with(setting, 'search_path='))
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL
-- Guards, and what tells sessions that rights have changed, hold for replicated rows too.
SELECT 'error', format('trigger %I on %s', t.tgname, t.tgrelid::regclass),
       CASE t.tgenabled WHEN 'D' THEN 'it is disabled' ELSE 'it does not fire for replicated rows: it is not ENABLE ALWAYS' END,
       format('ALTER TABLE %s ENABLE %sTRIGGER %I', t.tgrelid::regclass, CASE WHEN is_guard THEN 'ALWAYS ' END, t.tgname)
  FROM pg_trigger t
  JOIN pg_proc p ON p.oid = t.tgfoid AND p.pronamespace = 'saas'::regnamespace
 CROSS JOIN LATERAL (
   SELECT p.proname IN ('refuse_change', 'permissions_changed', 'protect_consent', 'protect_security_event') OR p.proname = 'keep_tenant' AND t.tgnargs > 0 AS is_guard
 ) AS facts
 WHERE NOT t.tgisinternal
   -- A partition's has to be as its table's is, and is told of by itself only where it is not.
   AND t.tgenabled IS DISTINCT FROM (SELECT parent.tgenabled FROM pg_trigger parent WHERE parent.oid = t.tgparentid)
   AND (t.tgenabled IN ('D', 'R') OR is_guard AND t.tgenabled <> 'A')
