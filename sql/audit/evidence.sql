-- What an auditor asks for each day: what happened since $1, and what is not as it should be now, by control. $2: one
-- control, or NULL for all.
--
-- Controls are those of the AICPA's Trust Services Criteria (TSP section 100, 2017, with the points of focus of 2022:
-- CC the common criteria, C confidentiality, P privacy) and, with A., of Annex A of ISO/IEC 27001:2022. What each
-- finding means and what to do about it: docs/evidence.md.
WITH controls (finding, control) AS (VALUES
  ('system_role_granted', 'CC6.1/CC6.3/A.5.15/A.8.2'),
  ('system_role_revoked', 'CC6.2/A.5.18'),
  ('system_role_expired', 'CC6.2/A.5.18'),
  ('access_review_due', 'CC6.3/A.5.18'),
  ('privileged_user_inactive', 'CC6.2/A.5.18/A.8.2'),
  ('access_of_erased_user', 'CC6.2/A.5.16'),
  ('rights_of_roles_changed', 'CC6.3/A.5.15'),
  ('database_access_changed', 'CC6.1/A.8.3'),
  ('api_key_without_expiry', 'CC6.1/A.5.17'),
  ('break_glass_opened', 'CC6.1/A.8.2'),
  ('break_glass_not_reviewed', 'CC6.1/A.8.2'),
  ('impersonation_started', 'CC6.1/A.8.2'),
  ('security_event', 'CC7.2/A.8.16'),
  ('security_event_not_looked_at', 'CC7.3/A.5.25'),
  ('incident_not_resolved', 'CC7.3/CC7.4/A.5.26'),
  ('incident_not_reviewed', 'CC7.5/A.5.27'),
  ('configuration_changed', 'CC8.1/A.8.32'),
  ('audit_log_not_sealed', 'CC7.2/A.8.15'),
  ('audit_log_retired', 'CC7.2/A.5.33'),
  ('consent_withdrawn', 'P2.1/A.5.34'),
  ('privacy_request_overdue', 'P5.1/P8.1/A.5.34'),
  ('privacy_request_due_soon', 'P5.1/P8.1/A.5.34'),
  ('personal_data_exported', 'P5.1/A.5.34'),
  ('person_erased', 'P4.3/A.8.10'),
  ('retention_overdue', 'P4.2/C1.2/A.8.10'),
  ('registry_names_nothing', 'P4.2/A.5.34')
),
held AS (
  SELECT a.*, r.key AS role
    FROM saas.system_role_assignments a JOIN saas.roles r ON r.id = a.role_id
),
live AS (
  SELECT * FROM held WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
),
findings (finding, subject, detail) AS (
  SELECT 'system_role_granted', 'system_role_assignments ' || id,
         jsonb_build_object('user_id', assigned_user_id, 'role', role, 'by', assigned_by, 'reason', reason, 'at', assigned_at, 'expires_at', expires_at)
    FROM held WHERE assigned_at >= $1
  UNION ALL
  SELECT 'system_role_revoked', 'system_role_assignments ' || id,
         jsonb_build_object('user_id', assigned_user_id, 'role', role, 'by', revoked_by, 'reason', revoke_reason, 'at', revoked_at)
    FROM held WHERE revoked_at >= $1
  UNION ALL
  SELECT 'system_role_expired', 'system_role_assignments ' || id, jsonb_build_object('user_id', assigned_user_id, 'role', role, 'at', expires_at)
    FROM held WHERE revoked_at IS NULL AND expires_at >= $1 AND expires_at <= now()
  UNION ALL
  -- A review ends in a revocation or in a new grant, with its own reason.
  SELECT 'access_review_due', 'system_role_assignments ' || id,
         jsonb_build_object('user_id', assigned_user_id, 'role', role, 'by', assigned_by, 'at', assigned_at)
    FROM live WHERE assigned_at < now() - interval '90 days'
  UNION ALL
  SELECT 'privileged_user_inactive', 'users ' || l.assigned_user_id,
         jsonb_build_object('roles', jsonb_agg(DISTINCT l.role), 'last_seen_at', max(s.last_seen_at))
    FROM live l LEFT JOIN saas.sessions s ON s.user_id = l.assigned_user_id
   GROUP BY l.assigned_user_id
  HAVING coalesce(max(s.last_seen_at), min(l.assigned_at)) < now() - interval '90 days'
  UNION ALL
  SELECT 'access_of_erased_user', 'users ' || u.id, jsonb_build_object('still_there', h.what, 'rows', count(*))
    FROM saas.users u
    JOIN (SELECT user_id, 'sessions' AS what FROM saas.sessions UNION ALL SELECT user_id, 'accounts' FROM saas.accounts
          UNION ALL SELECT user_id, 'api_keys' FROM saas.api_keys UNION ALL SELECT user_id, 'tenant_members' FROM saas.tenant_members
          UNION ALL SELECT assigned_user_id, 'system_role_assignments' FROM live) h ON h.user_id = u.id
   WHERE u.deleted_at IS NOT NULL
   GROUP BY u.id, h.what
  UNION ALL
  SELECT 'rights_of_roles_changed', l.action || ' ' || l.target_id,
         jsonb_build_object('by', l.actor_id, 'database_role', l.database_role, 'at', l.occurred_at, 'old', l.old_values, 'new', l.new_values)
    FROM saas.platform_audit_logs l
   WHERE l.occurred_at >= $1 AND l.target_type IN ('roles', 'permissions', 'role_permissions')
     -- What a tenant makes of its own roles is its own affair.
     AND l.tenant_id IS NULL
     AND NOT EXISTS (SELECT FROM saas.roles r WHERE r.id::text = coalesce(l.new_values, l.old_values) ->> 'role_id' AND r.tenant_id IS NOT NULL)
  UNION ALL
  SELECT 'database_access_changed', l.action || ' ' || l.target_id,
         jsonb_build_object('by', l.actor_id, 'database_role', l.database_role, 'at', l.occurred_at, 'old', l.old_values, 'new', l.new_values)
    FROM saas.platform_audit_logs l WHERE l.occurred_at >= $1 AND l.target_type = 'access_grants'
  UNION ALL
  SELECT 'api_key_without_expiry', 'api_keys ' || k.id,
         jsonb_build_object('tenant_id', k.tenant_id, 'name', k.name, 'at', k.created_at, 'last_used_at', k.last_used_at)
    FROM saas.api_keys k
   WHERE k.revoked_at IS NULL AND k.expires_at IS NULL AND k.created_at < now() - interval '90 days'
  UNION ALL
  SELECT 'break_glass_opened', 'break_glass_events ' || b.id,
         jsonb_build_object('user_id', b.user_id, 'role', r.key, 'reason', b.reason, 'ticket', b.ticket, 'at', b.opened_at, 'expires_at', b.expires_at)
    FROM saas.break_glass_events b JOIN saas.roles r ON r.id = b.role_id WHERE b.opened_at >= $1
  UNION ALL
  SELECT 'break_glass_not_reviewed', 'break_glass_events ' || b.id,
         jsonb_build_object('user_id', b.user_id, 'reason', b.reason, 'ended_at', coalesce(b.closed_at, b.expires_at))
    FROM saas.break_glass_events b, saas.settings s
   WHERE b.reviewed_at IS NULL AND b.opened_at + s.break_glass_review <= now()
  UNION ALL
  SELECT 'impersonation_started', 'impersonation_sessions ' || i.id,
         jsonb_build_object('by', i.actor_id, 'user_id', i.target_user_id, 'tenant_id', i.tenant_id, 'reason', i.reason, 'ticket', i.ticket,
                            'approved_by', i.approved_by, 'at', i.started_at, 'ended_at', coalesce(i.ended_at, i.expires_at))
    FROM saas.impersonation_sessions i WHERE i.started_at >= $1
  UNION ALL
  SELECT 'security_event', 'security_events ' || e.id,
         jsonb_build_object('kind', e.kind, 'severity', e.severity, 'status', e.status, 'subject', e.subject, 'at', e.occurred_at)
    FROM saas.security_events e WHERE e.occurred_at >= $1 AND e.severity <> 'info'
  UNION ALL
  SELECT 'security_event_not_looked_at', 'security_events ' || e.id,
         jsonb_build_object('kind', e.kind, 'severity', e.severity, 'subject', e.subject, 'at', e.occurred_at)
    FROM saas.security_events e
   WHERE e.status = 'open' AND e.severity IN ('medium', 'high', 'critical') AND e.occurred_at < now() - interval '1 day'
  UNION ALL
  SELECT 'incident_not_resolved', 'incidents ' || i.id,
         jsonb_build_object('title', i.title, 'kind', i.kind, 'severity', i.severity, 'status', i.status, 'at', i.opened_at)
    FROM saas.incidents i WHERE i.status IN ('open', 'contained')
  UNION ALL
  SELECT 'incident_not_reviewed', 'incidents ' || i.id,
         jsonb_build_object('title', i.title, 'kind', i.kind, 'severity', i.severity, 'resolved_at', i.resolved_at)
    FROM saas.incidents i WHERE i.status = 'resolved' AND i.resolved_at < now() - interval '14 days'
  UNION ALL
  SELECT 'configuration_changed', l.action || ' ' || l.target_id,
         jsonb_build_object('by', l.actor_id, 'database_role', l.database_role, 'at', l.occurred_at, 'reason', l.reason, 'old', l.old_values, 'new', l.new_values)
    FROM saas.platform_audit_logs l
   WHERE l.occurred_at >= $1
     AND l.target_type IN ('settings', 'plans', 'plan_prices', 'plan_features', 'plan_add_ons', 'issuers', 'jwt_keys', 'webhook_secrets', 'personal_data_registry')
  UNION ALL
  SELECT 'audit_log_not_sealed', 'platform_audit_logs',
         jsonb_build_object('rows', count(*), 'since', min(l.occurred_at), 'last_seal', (SELECT max(seal) FROM saas.audit_seals))
    FROM saas.platform_audit_logs l
   WHERE l.occurred_at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM saas.audit_seal_rows s WHERE s.log_id = l.id)
  HAVING count(*) > 0
  UNION ALL
  SELECT 'audit_log_retired', 'platform_audit_logs', jsonb_build_object('from', period_start, 'to', period_end, 'rows', row_count, 'at', retired_at)
    FROM saas.audit_retirements WHERE retired_at >= $1
  UNION ALL
  SELECT 'consent_withdrawn', 'users ' || c.user_id, jsonb_build_object('purpose', c.purpose, 'version', c.version, 'at', c.withdrawn_at)
    FROM saas.user_consents c WHERE c.withdrawn_at >= $1
  UNION ALL
  SELECT CASE WHEN p.due_at < now() THEN 'privacy_request_overdue' ELSE 'privacy_request_due_soon' END, 'privacy_requests ' || p.id,
         jsonb_build_object('kind', p.kind, 'status', p.status, 'received_at', p.received_at, 'due_at', p.due_at)
    FROM saas.privacy_requests p WHERE p.completed_at IS NULL AND p.due_at < now() + interval '7 days'
  UNION ALL
  SELECT CASE p.kind WHEN 'erasure' THEN 'person_erased' ELSE 'personal_data_exported' END, 'privacy_requests ' || p.id,
         jsonb_build_object('user_id', p.user_id, 'kind', p.kind, 'by', p.handled_by, 'at', p.completed_at, 'sha256', encode(p.result_digest, 'hex'))
    FROM saas.privacy_requests p WHERE p.status = 'completed' AND p.completed_at >= $1 AND p.kind IN ('erasure', 'access', 'portability')
  UNION ALL
  -- Of the product's own tables, a week late: retention has not been applied.
  SELECT 'retention_overdue', d.table_name, jsonb_build_object('rows', count(*), 'since', min(d.until))
    FROM (SELECT r.table_name, x.at + r.retention AS until
            FROM (SELECT DISTINCT table_name, retention FROM saas.personal_data_registry WHERE on_erasure = 'delete' AND time_column IS NOT NULL) r
            JOIN (SELECT 'sessions' AS table_name, expires_at AS at FROM saas.sessions UNION ALL SELECT 'verifications', expires_at FROM saas.verifications
                  UNION ALL SELECT 'tenant_invitations', expires_at FROM saas.tenant_invitations
                  UNION ALL SELECT 'outbox', delivered_at FROM saas.outbox) x USING (table_name)) d
   WHERE d.until < now() - interval '7 days'
   GROUP BY d.table_name
  UNION ALL
  SELECT 'registry_names_nothing', r.table_name || '.' || r.column_name, jsonb_build_object('purpose', r.purpose)
    FROM saas.personal_data_registry r
   WHERE NOT EXISTS (
     SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = r.column_name AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relkind IN ('r', 'p') AND (r.table_name = format('%I.%I', n.nspname, c.relname) OR n.nspname = 'saas' AND r.table_name = c.relname))
)
SELECT c.control, f.finding, f.subject, jsonb_strip_nulls(f.detail)
  FROM findings f JOIN controls c USING (finding)
 WHERE $2::text IS NULL OR $2 = ANY (string_to_array(c.control, '/'))
 ORDER BY c.control, f.finding, f.subject
