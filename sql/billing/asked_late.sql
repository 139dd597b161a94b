-- Invoices of their own for what came late to tenants $1 whose contracts have ended, dated $2. Continued by sources.sql.
WITH asked AS (
  SELECT d.tenant_id, NULL::uuid AS subscription_id, NULL::uuid AS plan_id, NULL::integer AS seats, 'late' AS kind,
         d.day AS period, d.day AS period_start, d.day + 1 AS period_end, NULL::timestamptz AS charges_until, NULL::uuid AS change_id, NULL::uuid AS add_on_id
    FROM unnest($1::uuid[], $2::date[]) AS d (tenant_id, day)
)
