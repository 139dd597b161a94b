-- A preview for tenant $1: of subscription $2 on plan $3 with $4 seats, for the period that is counted under $5, from $6
-- to before $7, with the credits $10. Earlier invoices of the same preview have billed its usage (not $8) and what came
-- late (not $9), charged $12 for the periods from $11 to before $14, and used the coupons $13; they have charged fees in advance until $15, $17 from $16
-- on. The kind is $18: advance is what will be charged alone before the period's end. Continued by rate.sql, sources_live.sql and invoice_lines.sql.
WITH asked AS (
  SELECT $1::uuid AS tenant_id, $2::uuid AS subscription_id, $3::uuid AS plan_id, $4::integer AS seats,
         $18::text AS kind, NULL::uuid AS change_id, NULL::uuid AS add_on_id,
         (SELECT CASE WHEN p.bill_in = 'advance' AND $18 = 'advance' THEN saas.charges_alone_until('infinity', $7, t.time_zone)
                      WHEN p.bill_in = 'advance' THEN $7::date::timestamp AT TIME ZONE t.time_zone END
            FROM saas.plans p, saas.tenants t WHERE p.id = $3 AND t.id = $1) AS charges_until,
         $5::date AS period, $6::date AS period_start, $7::date AS period_end,
         $8::boolean AND NOT EXISTS (SELECT FROM saas.billed_periods b WHERE b.tenant_id = $1 AND b.period = $5 AND b.kind = 'billed') AS rates
), used AS (
  SELECT u.tenant_id, u.feature_key, u.period, u.units
    FROM asked d
   CROSS JOIN LATERAL (
     SELECT u.* FROM saas.usage_totals u WHERE u.tenant_id = d.tenant_id AND u.period = d.period
   ) u
   WHERE d.rates
)
