-- What is to be known of an event of tenant $1 and feature $2 at $3: how the feature adds up, and the period that the event
-- counts in. NULL for an unknown feature; for an unknown tenant. The subscription is that of the time, since a late event may
-- belong to one that has ended.
SELECT f.aggregation, saas.usage_period(s.billing_cycle, s.anchor, t.time_zone, $3), t.id IS NOT NULL
  FROM (SELECT) one
  LEFT JOIN saas.features f ON f.key = $2
  LEFT JOIN saas.tenants t ON t.id = $1 AND t.deleted_at IS NULL
  LEFT JOIN LATERAL (
    SELECT s.anchor, p.billing_cycle
      FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id
     WHERE s.tenant_id = t.id AND (s.status <> 'canceled' OR $3 < s.ended_at)
     ORDER BY s.anchor <= $3 DESC, s.anchor DESC LIMIT 1
  ) s ON true
