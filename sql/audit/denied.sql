-- One row for equal refusals. occurred_at is when it is written; when they happened is in new_values. The address is what a
-- gateway has said, else the session's, else the connection's.
INSERT INTO saas.platform_audit_logs
    (id, epoch, database_role, row_hash, actor_type, actor_id, on_behalf_of, impersonation_id, session_id, request_id, tenant_id,
     action, target_type, target_id, outcome, reason, ip_address, user_agent, new_values)
SELECT NULL, NULL, NULL, NULL, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'denied', $11,
       coalesce($12::inet, s.ip_address, inet_client_addr()), s.user_agent,
       jsonb_strip_nulls(jsonb_build_object(
         'sqlstate', $13, 'count', $14, 'first_at', $15, 'last_at', $16,
         'database_role', (SELECT r.rolname FROM pg_roles r WHERE r.oid = $17),
         'tenant_id', CASE WHEN $18 IS DISTINCT FROM $7 THEN $18 END))
  FROM (VALUES (1)) one LEFT JOIN saas.sessions s ON s.id = $5
RETURNING ip_address
