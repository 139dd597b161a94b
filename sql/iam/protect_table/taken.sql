-- What has a name on table $1 that saas.protect_table needs, and is not its own, which has the comment $2 or runs its function.
SELECT string_agg(what, ', ' ORDER BY what)
  FROM (SELECT format('policy %I', p.polname) AS what
          FROM pg_policy p
         WHERE p.polrelid = $1 AND p.polname IN ('app_read', 'app_insert', 'app_update', 'app_delete')
           AND obj_description(p.oid, 'pg_policy') IS DISTINCT FROM $2
        UNION ALL
        SELECT format('trigger %I', t.tgname)
          FROM pg_trigger t
         WHERE t.tgrelid = $1 AND t.tgname IN ('trg_tenant_fixed', 'zz_tenant_fixed')
           AND t.tgfoid <> 'saas.keep_tenant()'::regprocedure) taken
