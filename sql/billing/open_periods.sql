-- The periods of tenant $1 that are not closed yet, as far as the day $2, in the order in which they will be closed, and
-- which of them holds the day (of two subscriptions the one that is live on it; with calendar billing the month counts).
WITH RECURSIVE open AS (
  SELECT s.tenant_id, s.id AS subscription_id, p.billing_cycle, p.bill_in,
         (s.anchor AT TIME ZONE t.time_zone)::date AS first_day,
         -- Nothing is billed beyond the end, one that is still ahead included, nor beyond a pause. Terms that make another contract end
         -- this one.
         least(coalesce(s.ended_on, (s.cancel_at AT TIME ZONE t.time_zone)::date), s.paused_on,
               CASE WHEN (n.billing_interval, n.billing_cycle, n.bill_in) <> (p.billing_interval, p.billing_cycle, p.bill_in) THEN s.scheduled_for END) AS ended_day,
         s.current_period_start AS period_start, s.current_period_end AS period_end, s.paused_on
    FROM saas.tenant_subscriptions s
    JOIN saas.tenants t ON t.id = s.tenant_id
    JOIN saas.plans p ON p.id = s.plan_id
    LEFT JOIN saas.plans n ON n.id = s.scheduled_plan_id
   WHERE s.tenant_id = $1 AND s.settled_at IS NULL AND s.paused_on IS DISTINCT FROM s.current_period_start
  UNION ALL
  SELECT o.tenant_id, o.subscription_id, o.billing_cycle, o.bill_in, o.first_day, o.ended_day, o.period_end,
         least(CASE o.billing_cycle
           WHEN 'calendar' THEN (date_trunc('month', o.period_end) + interval '1 month')::date
           ELSE upper(saas.billing_days(o.first_day, '1 month', o.period_end))
         END, o.paused_on), o.paused_on
    FROM open o
   WHERE o.period_end <= $2 AND NOT coalesce(o.ended_day <= o.period_end, false)
), seen AS (
  SELECT o.*, o.period_start <= $2 AND $2 < o.period_end AS holds,
         o.billing_cycle = 'calendar' AND date_trunc('month', o.period_start) = date_trunc('month', $2) AS is_of_month
    FROM open o
)
SELECT seen.subscription_id, terms.plan_id, terms.seats,
       saas.counted_under(billing_cycle, first_day, period_start) AS period,
       period_start, period_end, holds,
       (holds OR is_of_month)
       AND row_number() OVER (ORDER BY holds DESC, holds OR is_of_month DESC, period_start DESC, seen.subscription_id DESC) = 1 AS is_wanted, bill_in = 'advance'
  FROM seen
 CROSS JOIN LATERAL saas.subscription_terms(seen.tenant_id, seen.subscription_id, least(seen.period_end, seen.ended_day) - 1) terms
 WHERE period_start <= $2 OR is_of_month
 ORDER BY date_trunc('month', period_start), seen.period_start DESC, seen.subscription_id DESC
