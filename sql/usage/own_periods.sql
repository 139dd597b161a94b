-- The periods that usage of tenants $1 at $2 counts in, of tenants that may have periods of their own, in this order. As in
-- known_one.sql the subscription is that of the time.
SELECT saas.usage_period(s.billing_cycle, s.anchor, t.time_zone, e.occurred_at)
  FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS e (tenant_id, occurred_at, position)
  LEFT JOIN saas.tenants t ON t.id = e.tenant_id
  LEFT JOIN LATERAL (
    SELECT s.anchor, p.billing_cycle
      FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id
     WHERE s.tenant_id = t.id AND (s.status <> 'canceled' OR e.occurred_at < s.ended_at)
     ORDER BY s.anchor <= e.occurred_at DESC, s.anchor DESC LIMIT 1
  ) s ON true
 ORDER BY e.position
