-- Every function in PL/pgSQL, a trigger's with each of its tables.
CREATE EXTENSION plpgsql_check;
SELECT coalesce(f.sqlstate, '') || ' ' || f.level, p.oid::regprocedure || coalesce(' on ' || t.tgrelid::regclass, ''),
       concat_ws(' ', 'line', f.lineno, f.message, f.detail, f.hint)
  FROM pg_proc p
  JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
  LEFT JOIN (SELECT DISTINCT tgfoid, tgrelid, tgoldtable, tgnewtable FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0) t ON t.tgfoid = p.oid
 CROSS JOIN LATERAL plpgsql_check_function_tb(p.oid, coalesce(t.tgrelid, 0), oldtable => t.tgoldtable, newtable => t.tgnewtable,
                                              security_warnings => true, extra_warnings => true, performance_warnings => false) f
 WHERE p.pronamespace = 'saas'::regnamespace AND (p.prorettype <> 'trigger'::regtype OR t.tgfoid IS NOT NULL)
 ORDER BY 2, 1, 3
