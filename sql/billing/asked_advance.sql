-- Invoices for the fees that subscriptions $2 of tenants $1 owe in advance at $3. Continued by sources.sql.
WITH asked AS (
  SELECT s.tenant_id, s.id AS subscription_id, s.plan_id, s.subscription_seat AS seats, 'advance' AS kind,
         saas.counted_under(p.billing_cycle, (s.anchor AT TIME ZONE t.time_zone)::date, owed.fee_start) AS period,
         owed.fee_start AS period_start, owed.fee_end AS period_end, owed.until AS charges_until, NULL::uuid AS change_id, NULL::uuid AS add_on_id
    FROM unnest($1::uuid[], $2::uuid[]) AS d (tenant_id, id)
    JOIN saas.tenant_subscriptions s ON s.tenant_id = d.tenant_id AND s.id = d.id
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans p ON p.id = s.plan_id
   CROSS JOIN LATERAL (
     SELECT min(f.fee_start) AS fee_start, max(f.fee_end) AS fee_end, until.at AS until
       FROM saas.charges_alone_until($3, s.current_period_end, t.time_zone) until (at)
      CROSS JOIN LATERAL saas.fees_in_advance(s.tenant_id, s.id, until.at, NULL) f
      GROUP BY until.at
   ) owed
)
