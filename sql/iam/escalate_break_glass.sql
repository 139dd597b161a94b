-- An incident for each emergency access that nobody has reviewed in time by $1. One each, by constraint.
INSERT INTO saas.incidents (id, kind, severity, title, description, break_glass_event_id)
SELECT saas.uuid_v7(), 'security', 'high',
       format('Emergency access with role "%s" was not reviewed in time', r.key),
       format('User %s opened it at %s for: %s', b.user_id, to_char(b.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), b.reason), b.id
  FROM saas.break_glass_events b
  JOIN saas.roles r ON r.id = b.role_id
 CROSS JOIN saas.settings s
 WHERE b.reviewed_at IS NULL AND b.opened_at + s.break_glass_review <= $1
   AND NOT EXISTS (SELECT FROM saas.incidents known WHERE known.break_glass_event_id = b.id)
ON CONFLICT (break_glass_event_id) DO NOTHING
RETURNING id
