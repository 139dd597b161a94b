-- The next period of subscriptions $2 of tenants $1, from the anchor; a canceled one that has been
-- billed to its end is settled instead.
UPDATE saas.tenant_subscriptions s
   SET current_period_start = CASE WHEN next.done THEN s.current_period_start ELSE s.current_period_end END,
       current_period_end = CASE
         WHEN next.done THEN s.current_period_end
         -- A pause cuts the period that it begins in.
         WHEN s.paused_on > s.current_period_end THEN least(next.period_end, s.paused_on)
         ELSE next.period_end
       END,
       settled_at = CASE WHEN next.done THEN now() END
  FROM (
    SELECT s.tenant_id, s.id,
           s.status = 'canceled' AND s.ended_on <= s.current_period_end AS done,
           CASE p.billing_cycle
             WHEN 'calendar' THEN (date_trunc('month', s.current_period_end) + interval '1 month')::date
             ELSE upper(saas.billing_days((s.anchor AT TIME ZONE t.time_zone)::date, '1 month', s.current_period_end))
           END AS period_end
      FROM unnest($1::uuid[], $2::uuid[]) AS d (tenant_id, id)
      JOIN saas.tenant_subscriptions s ON s.tenant_id = d.tenant_id AND s.id = d.id
      JOIN saas.tenants t ON t.id = s.tenant_id
      JOIN saas.plans p ON p.id = s.plan_id
  ) next
 WHERE s.tenant_id = next.tenant_id AND s.id = next.id
