-- How many tenants user $1 owns, and how many he may: the most that one of their plans allows (-1:
-- any number), or without one what the free plan does.
SELECT count(*),
       CASE WHEN bool_or(p.workspace_count = -1) THEN -1
            ELSE coalesce(max(p.workspace_count), (SELECT f.workspace_count FROM saas.plans f WHERE f.key = 'free' AND f.is_current))
       END
  FROM saas.tenant_members m
  JOIN saas.roles r ON r.id = m.role_id AND r.key = 'tenant_owner'
  JOIN saas.tenants t ON t.id = m.tenant_id AND t.deleted_at IS NULL
  LEFT JOIN saas.tenant_subscriptions s ON s.tenant_id = t.id AND s.status <> 'canceled'
  LEFT JOIN saas.plans p ON p.id = coalesce(s.plan_id, (SELECT f.id FROM saas.plans f WHERE f.key = t.plan AND f.is_current))
 WHERE m.user_id = $1
