-- Tenants whose contracts have ended and been billed to their end, but to whom usage has come since that belongs to a
-- closed period: with their last contract and today's date there. $1 at most; not those parked since $2; only tenant $3
-- if given. Continued by how to lock the tenants.
SELECT t.id, last.id, (now() AT TIME ZONE t.time_zone)::date
  FROM saas.tenants t
 CROSS JOIN LATERAL (
   SELECT s.id FROM saas.tenant_subscriptions s WHERE s.tenant_id = t.id ORDER BY s.anchor DESC, s.id DESC LIMIT 1
 ) last
 WHERE t.id IN (SELECT s.tenant_id FROM saas.tenant_subscriptions s WHERE s.settled_at IS NOT NULL)
   AND ($3::uuid IS NULL OR t.id = $3)
   -- With another contract it is billed on that one's next invoice.
   AND NOT EXISTS (SELECT FROM saas.tenant_subscriptions s WHERE s.tenant_id = t.id AND s.settled_at IS NULL)
   AND NOT EXISTS (
     SELECT FROM saas.close_parked k
      WHERE k.tenant_id = t.id AND k.subscription_id = last.id AND k.parked_at >= $2)
   AND (EXISTS (
     SELECT FROM saas.usage_adjustments a
       JOIN saas.billed_periods b ON b.tenant_id = a.tenant_id AND b.period = a.period AND b.kind = 'billed'
      WHERE a.tenant_id = t.id AND a.amount IS NULL
   ) OR EXISTS (
     SELECT FROM saas.usage_counter_slots s
       JOIN saas.features f ON f.key = s.feature_key
       JOIN saas.billed_periods b ON b.tenant_id = s.tenant_id AND b.period = s.period AND b.kind = 'billed'
      WHERE s.tenant_id = t.id
        -- The slots of last-value meters stay when they are folded.
        AND (f.aggregation <> 'last'
             OR (SELECT u.units FROM saas.usage_totals u
                  WHERE u.tenant_id = s.tenant_id AND u.feature_key = s.feature_key AND u.period = s.period)
                IS DISTINCT FROM
                (SELECT r.count FROM saas.usage_records r
                  WHERE r.tenant_id = s.tenant_id AND r.feature_key = s.feature_key AND r.period = s.period))))
 ORDER BY t.id
 LIMIT $1
