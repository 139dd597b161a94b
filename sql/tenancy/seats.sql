-- How many members or guests ($2) tenant $1 has, how many open invitations for them, and how many there may be (-1: any
-- number): the seats of the live subscription within its plan, or without one what the tenant's plan has.
SELECT (SELECT count(*) FROM saas.tenant_members m WHERE m.tenant_id = t.id AND m.member_type = $2),
       (SELECT count(*) FROM saas.tenant_invitations i
         WHERE i.tenant_id = t.id AND i.member_type = $2 AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()),
       CASE
         WHEN $2 = 'guest' THEN p.guest_count
         WHEN s.id IS NULL THEN p.member_seat
         WHEN p.member_seat = -1 THEN greatest(s.subscription_seat, p.included_seats)
         ELSE least(greatest(s.subscription_seat, p.included_seats), p.member_seat)
       END
  FROM saas.tenants t
  LEFT JOIN saas.tenant_subscriptions s ON s.tenant_id = t.id AND s.status <> 'canceled'
  JOIN saas.plans p ON p.id = coalesce(s.plan_id, (SELECT f.id FROM saas.plans f WHERE f.key = t.plan AND f.tenant_id IS NULL AND f.is_current))
 WHERE t.id = $1
