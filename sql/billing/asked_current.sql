-- Invoices for the current periods of subscriptions $2 of tenants $1, one of a tenant. Continued by sources.sql.
WITH asked AS (
  SELECT s.tenant_id, s.id AS subscription_id, s.plan_id, s.subscription_seat AS seats,
         CASE p.billing_cycle WHEN 'calendar' THEN date_trunc('month', s.current_period_start)::date
                              ELSE s.current_period_start END AS period,
         s.current_period_start AS period_start, s.current_period_end AS period_end
    FROM unnest($1::uuid[], $2::uuid[]) AS d (tenant_id, id)
    JOIN saas.tenant_subscriptions s ON s.tenant_id = d.tenant_id AND s.id = d.id
    JOIN saas.plans p ON p.id = s.plan_id
)
