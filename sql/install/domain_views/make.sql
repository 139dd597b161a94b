-- The statements that make the views in schema $1: one for each table, under its domain name, without the columns that no
-- kind of access may read ($2 the tables, $3 their columns). A view of ours whose columns have changed otherwise than at the
-- end can't be replaced; it is made anew. A table without columns (permission_epoch) has no view.
WITH names (table_name, view_name) AS (VALUES
  -- The rename map of the source document.
  ('users', 'user'), ('sessions', 'auth_sessions'), ('accounts', 'auth_accounts'), ('verifications', 'auth_verifications'),
  ('tenant_members', 'tenant_memberships'), ('projects', 'tenant_projects'),
  ('roles', 'iam_roles'), ('permissions', 'iam_permissions'), ('role_permissions', 'iam_role_permissions'),
  ('system_role_assignments', 'iam_system_role_grants'),
  ('break_glass_events', 'platform_break_glass_events'), ('impersonation_sessions', 'platform_impersonation_sessions'),
  ('plans', 'billing_plans'), ('plan_features', 'billing_plan_features'), ('tenant_subscriptions', 'billing_subscriptions'),
  ('payment_customers', 'billing_customers'), ('payment_one_times', 'billing_one_time_payments'),
  ('payment_invoices', 'billing_invoices'), ('payment_events', 'billing_payment_events'),
  ('usage_records', 'usage_counters'), ('usage_summaries', 'usage_aggregates'), ('usage_fees', 'usage_overage_fees'),
  ('platform_audit_logs', 'audit_platform_actions'), ('incidents', 'security_incidents'),
  ('user_consents', 'privacy_user_consents'), ('privacy_requests', 'privacy_subject_requests'),
  ('personal_data_registry', 'privacy_data_inventory'),
  -- Tables that it does not know and that stand beside one of those. All others keep their names.
  ('api_keys', 'auth_api_keys'), ('jwt_keys', 'auth_jwt_keys'), ('access_grants', 'iam_access_grants'),
  ('plan_prices', 'billing_plan_prices'), ('plan_add_ons', 'billing_plan_add_ons'), ('payment_invoice_lines', 'billing_invoice_lines')
), column_names (table_name, name, new_name) AS (VALUES
  ('tenant_credit_ledger', 'delta', 'amount_delta'), ('tenant_credit_ledger', 'reason', 'reference_type'),
  ('usage_records', 'count', 'units_used')
), wanted AS (
  SELECT c.relname AS table_name, coalesce(n.view_name, c.relname) AS view_name,
         string_agg(quote_ident(a.attname) || coalesce(' AS ' || quote_ident(r.new_name), ''), ', ' ORDER BY a.attnum) AS list,
         array_agg(coalesce(r.new_name, a.attname) ORDER BY a.attnum) AS columns
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN names n ON n.table_name = c.relname
    LEFT JOIN column_names r ON r.table_name = c.relname AND r.name = a.attname
   WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS secret (table_name, columns)
                      WHERE secret.table_name = c.relname AND a.attname = ANY (string_to_array(secret.columns, ',')))
   GROUP BY c.relname, n.view_name
), there AS (
  SELECT w.*, v.oid, v.relkind, v.relowner, obj_description(v.oid, 'pg_class') AS comment,
         (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
           WHERE a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped) AS own
    FROM wanted w
    LEFT JOIN pg_class v ON v.relname = w.view_name AND v.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
)
SELECT CASE WHEN oid IS NOT NULL AND (relkind <> 'v' OR relowner <> (SELECT relowner FROM pg_class WHERE oid = 'saas.tenants'::regclass)
                                     OR comment IS DISTINCT FROM format('The table saas.%s by its domain name.', table_name))
            THEN format('%I.%I', $1, view_name) END AS stranger,
       statement
  FROM there
 CROSS JOIN LATERAL (VALUES
   (CASE WHEN own <> columns[:cardinality(own)] THEN format('DROP VIEW %I.%I', $1, view_name) END),
   (format('CREATE OR REPLACE VIEW %I.%I WITH (security_invoker = true) AS SELECT %s FROM saas.%I', $1, view_name, list, table_name)),
   (format('COMMENT ON VIEW %I.%I IS %L', $1, view_name, format('The table saas.%s by its domain name.', table_name)))
 ) AS made (statement)
 WHERE statement IS NOT NULL
