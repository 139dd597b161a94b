-- Whether anything waits for tenants $1 that may have come due by $2.
SELECT EXISTS (
  SELECT FROM saas.tenant_subscriptions s
   WHERE s.tenant_id = ANY ($1::uuid[]) AND s.status <> 'canceled'
     AND (s.scheduled_for <= $2::date + 2 OR s.cancel_at <= $2 OR s.status = 'trialing' AND s.trial_end <= $2))
