-- The name is written in one way only, so that one column has one row.
INSERT INTO saas.personal_data_registry
  (table_name, column_name, category, purpose, legal_basis, retention, on_erasure, duty, user_column, email_column, time_column, replacement)
SELECT CASE c.relnamespace WHEN 'saas'::regnamespace THEN quote_ident(c.relname)
            ELSE format('%I.%I', n.nspname, c.relname) END,
       $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = saas.registered_table($1)
ON CONFLICT (table_name, column_name) DO UPDATE
   SET (category, purpose, legal_basis, retention, on_erasure, duty, user_column, email_column, time_column, replacement)
     = (excluded.category, excluded.purpose, excluded.legal_basis, excluded.retention, excluded.on_erasure, excluded.duty,
        excluded.user_column, excluded.email_column, excluded.time_column, excluded.replacement)
