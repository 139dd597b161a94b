-- Every table is closed but for its policies.
SELECT format('ALTER TABLE saas.%I ENABLE ROW LEVEL SECURITY', c.relname)
  FROM pg_class c
 WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
 ORDER BY c.relname
