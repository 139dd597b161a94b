-- What refuses changes does so for replicated rows, and under session_replication_role = replica, too.
SELECT format('ALTER TABLE saas.%I ENABLE ALWAYS TRIGGER %I', c.relname, t.tgname)
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace = 'saas'::regnamespace
 WHERE t.tgfoid = 'saas.refuse_change()'::regprocedure AND t.tgenabled <> 'A'
 ORDER BY c.relname, t.tgname
