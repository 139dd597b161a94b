-- The record of processing names every column with personal data, and only columns that exist.
SELECT r.table_name, r.column_name, r.user_column FROM saas.personal_data_registry r
 WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = format('saas.%I', r.table_name)::regclass
                      AND a.attname = r.column_name AND NOT a.attisdropped)
    OR r.user_column IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = format('saas.%I', r.table_name)::regclass
                      AND a.attname = r.user_column AND NOT a.attisdropped);
-- Columns that look personal and are not in it: addresses, tokens, and whatever names a user.
SELECT c.relname, a.attname
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND (a.atttypid = 'inet'::regtype
        OR a.attname ~ '^(email|.*_email|phone|payload|password.*|access_token|refresh_token|id_token|user_agent|identifier)$'
        OR EXISTS (SELECT FROM pg_constraint f WHERE f.conrelid = c.oid AND f.confrelid = 'saas.users'::regclass AND f.conkey = ARRAY[a.attnum]))
   AND NOT EXISTS (SELECT FROM saas.personal_data_registry r WHERE r.table_name = c.relname AND r.column_name = a.attname)
 ORDER BY 1, 2;
-- What is kept names its duty; what is not kept never enters the audit log.
SELECT count(*) AS kept_without_duty FROM saas.personal_data_registry WHERE on_erasure = 'keep' AND duty IS NULL;
INSERT INTO saas.users (email, name) VALUES ('ann@example.com', 'Ann');
UPDATE saas.users SET name = 'Anna';
ALTER TABLE saas.users ADD phone text;
INSERT INTO saas.personal_data_registry (table_name, column_name, category, purpose, legal_basis, on_erasure, user_column)
VALUES ('users', 'phone', 'contact', 'Calls', 'consent', 'delete', 'id');
UPDATE saas.users SET phone = '+1 555 0100';
SELECT action, old_values - 'id' - 'created_at' AS old_values, new_values - 'id' - 'created_at' AS new_values
  FROM saas.platform_audit_logs WHERE target_type = 'users' ORDER BY id;
SELECT * FROM saas.check_invariants();
