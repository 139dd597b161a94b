-- Opens event $1 with assignment $2: user $3 takes role $4, whose key is $9, because of $5, ticket $6, for $7, in session $8.
-- No row for a duration that is not allowed; false when he holds the role already. One statement, because
-- neither the event nor the assignment stands without the other.
WITH allowed AS (
  SELECT statement_timestamp() AS at, statement_timestamp() + make_interval(secs => extract(epoch FROM $7)::float8) AS until
    FROM saas.settings s
   WHERE extract(epoch FROM $7) > 0 AND extract(epoch FROM $7) <= extract(epoch FROM s.break_glass_limit)
),
assigned AS (
  INSERT INTO saas.system_role_assignments (id, assigned_user_id, role_id, assigned_by, reason, assigned_at, expires_at)
  SELECT $2, $3, $4, $3, $5, at, until FROM allowed
  ON CONFLICT (assigned_user_id, role_id) WHERE revoked_at IS NULL DO NOTHING
  RETURNING id, assigned_at, expires_at
),
opened AS (
  INSERT INTO saas.break_glass_events (id, user_id, role_id, assignment_id, reason, ticket, opened_at, expires_at)
  SELECT $1, $3, $4, id, $5, $6, assigned_at, expires_at FROM assigned
  RETURNING id, expires_at
),
told AS (
  INSERT INTO saas.security_events (id, severity, kind, subject, user_id, ip_address, evidence)
  SELECT saas.uuid_v7(), 'high', 'break_glass_opened', $9, $3,
         (SELECT s.ip_address FROM saas.sessions s WHERE s.id = $8),
         jsonb_build_object('break_glass_event_id', id, 'role', $9, 'reason', $5, 'ticket', $6, 'expires_at', expires_at)
    FROM opened
)
SELECT EXISTS (SELECT FROM opened) FROM allowed
