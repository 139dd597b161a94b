-- A row never moves to another tenant.
SELECT format('CREATE TRIGGER trg_tenant_fixed BEFORE UPDATE OF tenant_id ON saas.%I FOR EACH ROW
               WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION saas.keep_tenant()', c.relname)
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull AND NOT a.attisdropped
 WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY c.relname
