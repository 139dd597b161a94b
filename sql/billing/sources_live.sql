-- What sources.sql tells, as it would be if usage were rolled up and credits expired at this moment.
, fees_due AS (
  SELECT r.tenant_id, r.period, NULL::uuid AS id, r.feature_key, r.included_units, r.units, r.unit_price, r.price_model, r.total_amount
    FROM rated r
), late_units AS (
  SELECT a.tenant_id, a.id, a.feature_key, a.period, a.units, a.created_at, NULL::bigint AS amount
    FROM asked d
    JOIN saas.usage_adjustments a ON a.tenant_id = d.tenant_id AND a.amount IS NULL
   WHERE $9
  UNION ALL
  SELECT k.tenant_id, NULL, k.feature_key, k.period, arrived.units, NULL, NULL
    FROM (
      SELECT DISTINCT s.tenant_id, s.feature_key, s.period
        FROM asked d
        JOIN saas.usage_counter_slots s ON s.tenant_id = d.tenant_id AND s.period <= d.period
       WHERE $9 AND EXISTS (SELECT FROM saas.billed_periods b WHERE b.tenant_id = s.tenant_id AND b.period = s.period AND b.kind = 'billed')
    ) k
   CROSS JOIN LATERAL (
     SELECT (u.units
             - coalesce((SELECT s.units_used FROM saas.usage_summaries s
                          WHERE s.tenant_id = k.tenant_id AND s.feature_key = k.feature_key AND s.period = k.period), 0)
             - coalesce((SELECT sum(a.units) FROM saas.usage_adjustments a
                          WHERE a.tenant_id = k.tenant_id AND a.feature_key = k.feature_key AND a.period = k.period), 0)
            )::bigint AS units
       FROM saas.usage_totals u
      WHERE u.tenant_id = k.tenant_id AND u.feature_key = k.feature_key AND u.period = k.period
   ) arrived
   WHERE arrived.units <> 0
), credits AS (
  SELECT d.tenant_id, $10::bigint AS amount FROM asked d
), earlier AS NOT MATERIALIZED (
  SELECT * FROM saas.billed_amounts()
  UNION ALL
  SELECT $1, $2, e.period_start, e.period_end, e.amount FROM unnest($11::date[], $12::bigint[], $14::date[]) AS e (period_start, amount, period_end)
), advance AS (
  SELECT d.tenant_id, d.subscription_id, f.fee_start, f.fee_end
    FROM asked d CROSS JOIN LATERAL saas.fees_in_advance(d.tenant_id, d.subscription_id, d.charges_until, $15) f
   WHERE d.charges_until IS NOT NULL
), paid_ahead AS NOT MATERIALIZED (
  SELECT * FROM saas.paid_ahead()
  UNION ALL
  SELECT $1, $2, f.fee_start, f.amount FROM unnest($16::date[], $17::bigint[]) AS f (fee_start, amount)
), redeemed AS (
  SELECT r.tenant_id, r.id, (SELECT count(*) FROM unnest($13::uuid[]) AS u (id) WHERE u.id = r.id) AS taken
    FROM saas.coupon_redemptions r WHERE r.tenant_id = $1 AND r.removed_at IS NULL
)
