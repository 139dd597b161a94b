-- Contracts of tenants $1 whose end has come by $2.
UPDATE saas.tenant_subscriptions s
   SET status = 'canceled', ended_at = s.cancel_at, scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
 WHERE s.tenant_id = ANY ($1::uuid[]) AND s.status <> 'canceled' AND s.cancel_at <= $2
RETURNING s.id
