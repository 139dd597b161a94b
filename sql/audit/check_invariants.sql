-- The six invariants, over all data at once. What each finds and what data can't tell: docs/invariants.md.
--
-- When: an audit row's id is a UUID version 7 and holds the millisecond in which it was written, and
-- ids of one transaction are in order; occurred_at is when it began. A right that ended is taken to hold
-- for five minutes more: whoever used it may have begun before its end was committed.
WITH
-- What each audited action needs. Any of the permissions does; platform_permissions NULL: any system role.
-- self: the action is one's own affair when this value of the row is oneself. asserted: a gateway or
-- worker may do it in a user's request on its own account.
rules (rule, action, columns, tenant_permissions, platform_permissions, self, asserted) AS (VALUES
  (1, 'tenants.update', '{name,currency,time_zone}'::text[], '{tenant.update}'::text[], '{platform.system.configure}'::text[], NULL, false),
  (2, 'tenants.update', '{plan,billing_state}', '{billing.manage,tenant.delete}', '{platform.billing.adjust,platform.tenant.suspend,platform.tenant.delete}', NULL, true),
  (3, 'tenants.update', '{suspended_at}', '{}', '{platform.tenant.suspend}', NULL, false),
  (4, 'tenants.update', '{deleted_at}', '{tenant.delete}', '{platform.tenant.delete}', NULL, false),
  (5, 'tenants.delete', NULL, '{tenant.delete}', '{platform.tenant.delete}', NULL, false),
  (6, 'tenant_members.insert', NULL, '{member.invite}', '{}', 'user_id', false),
  (7, 'tenant_members.update', NULL, '{member.invite}', '{}', NULL, false),
  (8, 'tenant_members.delete', NULL, '{member.remove,tenant.delete}', '{platform.tenant.delete,platform.system.configure}', 'user_id', false),
  (9, 'tenant_invitations.insert', NULL, '{member.invite}', '{}', NULL, false),
  (10, 'tenant_invitations.update', NULL, '{member.invite,member.remove,tenant.delete}', '{platform.tenant.delete,platform.system.configure}', 'accepted_by', false),
  (11, 'api_keys.insert', NULL, '{tenant.update}', '{}', NULL, false),
  (12, 'api_keys.update', NULL, '{tenant.update,member.remove,tenant.delete}', '{platform.tenant.delete,platform.system.configure}', NULL, false),
  (13, 'roles.insert', NULL, '{tenant.update}', '{platform.system.configure}', NULL, false),
  (14, 'roles.update', NULL, '{tenant.update}', '{platform.system.configure}', NULL, false),
  (15, 'roles.delete', NULL, '{tenant.update}', '{platform.system.configure}', NULL, false),
  (16, 'role_permissions.insert', NULL, '{tenant.update}', '{platform.system.configure}', NULL, false),
  (17, 'role_permissions.delete', NULL, '{tenant.update}', '{platform.system.configure}', NULL, false),
  (18, 'permissions.insert', NULL, '{}', '{platform.system.configure}', NULL, false),
  (19, 'permissions.update', NULL, '{}', '{platform.system.configure}', NULL, false),
  (20, 'permissions.delete', NULL, '{}', '{platform.system.configure}', NULL, false),
  (21, 'system_role_assignments.insert', NULL, '{}', '{platform.system.configure}', NULL, false),
  (22, 'system_role_assignments.update', NULL, '{}', '{platform.system.configure,platform.security.view}', NULL, false),
  (23, 'break_glass_events.insert', NULL, '{}', NULL, NULL, false),
  (24, 'break_glass_events.update', NULL, '{}', NULL, NULL, false),
  (25, 'impersonation_sessions.insert', NULL, '{}', '{platform.user.impersonate}', NULL, false),
  (26, 'impersonation_sessions.update', NULL, '{tenant.delete}', NULL, NULL, false),
  (27, 'plans.insert', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (28, 'plans.update', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (29, 'plan_prices.insert', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (30, 'plan_prices.update', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (31, 'plan_features.insert', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (32, 'plan_features.update', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (41, 'plan_add_ons.insert', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (42, 'plan_add_ons.update', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (33, 'tenant_subscriptions.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, true),
  (34, 'tenant_subscriptions.update', NULL, '{billing.manage,tenant.delete}', '{platform.billing.adjust,platform.tenant.suspend,platform.tenant.delete}', NULL, true),
  (43, 'subscription_add_ons.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, true),
  (35, 'payment_invoices.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, true),
  (36, 'payment_invoices.update', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, true),
  (37, 'tenant_credit_ledger.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, true),
  (38, 'payment_customers.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, true),
  (39, 'payment_one_times.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, true),
  (40, 'payment_one_times.update', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, true),
  (60, 'usage_alerts.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, false),
  (61, 'usage_alerts.delete', NULL, '{billing.manage,tenant.delete}', '{platform.billing.adjust,platform.tenant.delete}', NULL, false),
  (62, 'spend_caps.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, false),
  (63, 'spend_caps.update', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, false),
  (64, 'spend_caps.delete', NULL, '{billing.manage,tenant.delete}', '{platform.billing.adjust,platform.tenant.delete}', NULL, false),
  (65, 'usage_corrections.insert', NULL, '{}', '{platform.billing.adjust}', NULL, false),
  (70, 'coupons.insert', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (71, 'coupons.update', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (72, 'coupon_redemptions.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, false),
  (73, 'coupon_redemptions.update', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, false),
  (74, 'tax_rates.insert', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (75, 'tax_rates.update', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (76, 'tax_categories.insert', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (77, 'tax_categories.update', NULL, '{}', '{platform.plan.manage}', NULL, false),
  (78, 'billing_details.insert', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, false),
  (79, 'billing_details.update', NULL, '{billing.manage}', '{platform.billing.adjust}', NULL, false),
  (81, 'credit_notes.insert', NULL, '{}', '{platform.billing.adjust}', NULL, false),
  (80, 'issuers.update', NULL, '{}', '{platform.billing.adjust}', NULL, false),
  -- A person's privacy is his own, or the platform's affair.
  (301, 'user_consents.insert', NULL, '{}', '{platform.system.configure}', 'user_id', false),
  (302, 'privacy_requests.insert', NULL, '{}', '{platform.system.configure}', 'user_id', false),
  (303, 'privacy_requests.update', '{result}', '{}', '{platform.system.configure}', NULL, false),
  (304, 'users.update', '{deleted_at}', '{}', '{platform.system.configure}', NULL, false),
  (305, 'personal_data_registry.insert', NULL, '{}', '{platform.system.configure}', NULL, false),
  (306, 'personal_data_registry.update', NULL, '{}', '{platform.system.configure}', NULL, false)
),
log AS NOT MATERIALIZED (
  SELECT l.*,
         CASE WHEN substr(id::text, 15, 1) = '7'
              THEN to_timestamp(('x' || substr(id::text, 1, 8) || substr(id::text, 10, 4))::bit(48)::bigint / 1000.0)
              ELSE occurred_at END AS written_at
    FROM saas.platform_audit_logs l
   WHERE outcome = 'success'
),
-- Tenant roles as they were: who had which role in which tenant from when to when.
member_log AS (
  SELECT tenant_id, target_id, id, xid, written_at, action, new_values ->> 'role_id' AS new_role,
         old_values ->> 'role_id' AS old_role, coalesce(new_values ->> 'user_id', old_values ->> 'user_id') AS user_id
    FROM log WHERE target_type = 'tenant_members' AND target_id IS NOT NULL
  UNION ALL
  -- Members whom the log does not know, because it began later.
  SELECT tenant_id, m.id::text, NULL, NULL, created_at, 'now', NULL, m.role_id::text, m.user_id::text FROM saas.tenant_members m
),
members AS (
  SELECT tenant_id, target_id, max(user_id)::uuid AS user_id,
         coalesce(min(written_at) FILTER (WHERE action = 'tenant_members.insert'),
                  min(written_at) FILTER (WHERE action = 'now'), '-infinity') AS since,
         coalesce(max(written_at) FILTER (WHERE action = 'tenant_members.delete'), 'infinity') AS until,
         (array_agg(coalesce(old_role, new_role) ORDER BY id NULLS LAST)
            FILTER (WHERE coalesce(old_role, new_role) IS NOT NULL))[1] AS first_role,
         (array_agg(id ORDER BY id) FILTER (WHERE action = 'tenant_members.insert'))[1] AS id,
         (array_agg(xid ORDER BY id) FILTER (WHERE action = 'tenant_members.insert'))[1] AS xid
    FROM member_log GROUP BY tenant_id, target_id
),
held AS (
  SELECT m.tenant_id, m.user_id, r.role_id::uuid AS role_id, r.id, r.xid, r.since,
         coalesce(lead(r.since) OVER (PARTITION BY m.tenant_id, m.target_id ORDER BY r.since, r.id NULLS FIRST), m.until) AS until
    FROM members m
    JOIN (SELECT tenant_id, target_id, since, id, xid, first_role AS role_id FROM members
          UNION ALL
          SELECT tenant_id, target_id, written_at, id, xid, new_role FROM member_log
           WHERE action = 'tenant_members.update' AND new_role IS NOT NULL) r USING (tenant_id, target_id)
),
-- By tenant, and under the nil UUID for what belongs to none. API keys have roles of their own.
tenant_roles AS (
  SELECT tenant_id AS scope, user_id, role_id, true AS is_member, id, xid, since, until FROM held
  UNION ALL
  SELECT '00000000-0000-0000-0000-000000000000', user_id, role_id, true, NULL, NULL, min(since), max(until)
    FROM held GROUP BY user_id, role_id
  UNION ALL
  SELECT tenant_id, user_id, role_id, false, NULL, NULL, min(created_at), max(least(expires_at, revoked_at, 'infinity'))
    FROM saas.api_keys GROUP BY tenant_id, user_id, role_id
  UNION ALL
  -- Keys that are gone, with their user, were good until then.
  SELECT tenant_id, (old_values ->> 'user_id')::uuid, (old_values ->> 'role_id')::uuid, false, NULL, NULL,
         (old_values ->> 'created_at')::timestamptz, written_at
    FROM log WHERE action = 'api_keys.delete'
),
system_roles AS (
  SELECT a.assigned_user_id AS user_id, a.role_id, l.id, l.xid, coalesce(l.written_at, a.assigned_at) AS since, a.assigned_at,
         least(a.expires_at, a.revoked_at, 'infinity') AS until
    FROM saas.system_role_assignments a
    LEFT JOIN log l ON l.action = 'system_role_assignments.insert' AND l.target_id = a.id::text
  UNION ALL
  SELECT (old_values ->> 'assigned_user_id')::uuid, (old_values ->> 'role_id')::uuid, NULL, NULL,
         (old_values ->> 'assigned_at')::timestamptz, (old_values ->> 'assigned_at')::timestamptz, written_at
    FROM log WHERE action = 'system_role_assignments.delete'
),
-- What a role may do, or once could.
role_rights AS (
  SELECT rp.role_id, p.key FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id
  UNION
  SELECT (d.old_values ->> 'role_id')::uuid, coalesce(p.key, gone.old_values ->> 'key')
    FROM log d
    LEFT JOIN saas.permissions p ON p.id::text = d.old_values ->> 'permission_id'
    LEFT JOIN log gone ON gone.action = 'permissions.delete' AND gone.target_id = d.old_values ->> 'permission_id'
   WHERE d.action = 'role_permissions.delete'
),
tenant_rights AS (
  SELECT DISTINCT r.rule, rr.role_id FROM rules r JOIN role_rights rr ON rr.key = ANY (r.tenant_permissions)
),
platform_rights AS (
  SELECT DISTINCT r.rule, rr.role_id FROM rules r JOIN role_rights rr ON r.platform_permissions IS NULL OR rr.key = ANY (r.platform_permissions)
),
trusted AS (
  SELECT rolname AS name FROM pg_roles r
   WHERE pg_has_role(r.oid, (SELECT relowner FROM pg_class WHERE oid = 'saas.tenants'::regclass), 'MEMBER')
      OR EXISTS (SELECT FROM saas.access_grants g JOIN pg_roles known ON known.oid = g.role_id
                  WHERE g.kind IN ('gateway', 'worker') AND pg_has_role(r.oid, g.role_id, 'MEMBER'))
),
-- Every action of a person, with what he was when he did it.
judged AS (
  SELECT a.occurred_at, a.id, a.rule,
         coalesce(bool_or(t.is_member), false) AS is_member,
         bool_or(s.role_id IS NOT NULL) AS is_staff,
         bool_or(tr.rule IS NOT NULL OR pr.rule IS NOT NULL) AS is_permitted
    FROM (SELECT l.occurred_at, l.id, l.xid, l.written_at, r.rule,
                 coalesce(l.on_behalf_of, l.actor_id) AS person,
                 coalesce(l.tenant_id, '00000000-0000-0000-0000-000000000000') AS scope
            FROM log l JOIN rules r ON r.action = l.action AND (r.columns IS NULL OR l.new_values ?| r.columns)
           WHERE l.actor_type <> 'database_role'
             AND coalesce(l.new_values ->> r.self, l.old_values ->> r.self, '') <> coalesce(l.on_behalf_of, l.actor_id)::text
             -- An emergency role is taken by oneself, with a record: rule 23 looks at that.
             -- It is given back by oneself, too.
             AND NOT ((r.rule = 21 OR r.rule = 22 AND l.new_values ? 'revoked_at')
                      AND EXISTS (SELECT FROM saas.break_glass_events b
                                   WHERE b.assignment_id::text = l.target_id AND b.user_id = l.actor_id))
             -- To end one's own impersonation nothing is needed.
             AND NOT (r.rule = 26 AND l.new_values ? 'ended_at'
                      AND EXISTS (SELECT FROM saas.impersonation_sessions i
                                   WHERE i.id::text = l.target_id AND i.actor_id = l.actor_id))
             -- Everybody may take back his own keys, and does so when he leaves.
             AND NOT (r.rule = 12 AND EXISTS (SELECT FROM saas.api_keys k
                                               WHERE k.id::text = l.target_id AND k.user_id = coalesce(l.on_behalf_of, l.actor_id)))
             AND NOT (r.asserted AND (l.database_role IN (SELECT name FROM trusted)
                                      OR to_regrole(quote_ident(l.database_role)) IS NULL))) a
    LEFT JOIN tenant_roles t ON t.scope = a.scope AND t.user_id = a.person
                            AND t.since <= a.written_at AND t.until > a.occurred_at - interval '5 minutes'
                            -- What was given in the same transaction counts for what came after it.
                            AND NOT coalesce(t.xid = a.xid AND t.id >= a.id, false)
    LEFT JOIN tenant_rights tr ON tr.rule = a.rule AND tr.role_id = t.role_id
    LEFT JOIN system_roles s ON s.user_id = a.person
                            AND s.since <= a.written_at AND s.until > a.occurred_at - interval '5 minutes'
                            AND NOT coalesce(s.xid = a.xid AND s.id >= a.id, false)
    LEFT JOIN platform_rights pr ON pr.rule = a.rule AND pr.role_id = s.role_id
   GROUP BY a.occurred_at, a.id, a.rule
),
-- Rows of the audited tables as they are, without what the log does not show.
live AS (
  SELECT * FROM (
    SELECT 'tenants' AS target_type, id AS tenant_id, id::text AS target_id, created_at, to_jsonb(x) AS value FROM saas.tenants x
    UNION ALL SELECT 'users', NULL, id::text, created_at, to_jsonb(x) FROM saas.users x
    UNION ALL SELECT 'tenant_members', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.tenant_members x
    UNION ALL SELECT 'tenant_invitations', tenant_id, id::text, created_at, to_jsonb(x) - 'token_hash' FROM saas.tenant_invitations x
    UNION ALL SELECT 'api_keys', tenant_id, id::text, created_at, to_jsonb(x) - 'key_hash' FROM saas.api_keys x
    UNION ALL SELECT 'roles', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.roles x
    UNION ALL SELECT 'permissions', NULL, id::text, created_at, to_jsonb(x) FROM saas.permissions x
    -- It has no time of its own: it is no older than what it joins.
    UNION ALL SELECT 'role_permissions', NULL, x.role_id || '/' || x.permission_id, greatest(r.created_at, p.created_at), to_jsonb(x)
                FROM saas.role_permissions x JOIN saas.roles r ON r.id = x.role_id JOIN saas.permissions p ON p.id = x.permission_id
    UNION ALL SELECT 'system_role_assignments', NULL, id::text, assigned_at, to_jsonb(x) FROM saas.system_role_assignments x
    UNION ALL SELECT 'break_glass_events', NULL, id::text, opened_at, to_jsonb(x) FROM saas.break_glass_events x
    UNION ALL SELECT 'impersonation_sessions', tenant_id, id::text, started_at, to_jsonb(x) FROM saas.impersonation_sessions x
    UNION ALL SELECT 'plans', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.plans x
    UNION ALL SELECT 'plan_prices', NULL, x.plan_id || '/' || x.currency, p.created_at, to_jsonb(x)
                FROM saas.plan_prices x JOIN saas.plans p ON p.id = x.plan_id
    UNION ALL SELECT 'plan_features', NULL, x.id::text, p.created_at, to_jsonb(x)
                FROM saas.plan_features x JOIN saas.plans p ON p.id = x.plan_id
    UNION ALL SELECT 'plan_add_ons', NULL, x.id::text, p.created_at, to_jsonb(x)
                FROM saas.plan_add_ons x JOIN saas.plans p ON p.id = x.plan_id
    UNION ALL SELECT 'tenant_subscriptions', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.tenant_subscriptions x
    UNION ALL SELECT 'subscription_add_ons', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.subscription_add_ons x
    UNION ALL SELECT 'payment_invoices', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.payment_invoices x
    UNION ALL SELECT 'tenant_credit_ledger', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.tenant_credit_ledger x
    UNION ALL SELECT 'usage_alerts', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.usage_alerts x
    UNION ALL SELECT 'usage_corrections', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.usage_corrections x
    UNION ALL SELECT 'spend_caps', tenant_id, tenant_id::text, created_at, to_jsonb(x) FROM saas.spend_caps x
    UNION ALL SELECT 'payment_customers', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.payment_customers x
    UNION ALL SELECT 'payment_one_times', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.payment_one_times x
    UNION ALL SELECT 'audit_retirements', NULL, period_start::text, retired_at, to_jsonb(x) FROM saas.audit_retirements x
    UNION ALL SELECT 'incidents', NULL, id::text, opened_at, to_jsonb(x) FROM saas.incidents x
    UNION ALL SELECT 'incident_history', NULL, id::text, moved_at, to_jsonb(x) FROM saas.incident_history x
    UNION ALL SELECT 'privacy_requests', NULL, id::text, received_at, to_jsonb(x) - 'result_digest' FROM saas.privacy_requests x
    UNION ALL SELECT 'user_consents', NULL, id::text, granted_at, to_jsonb(x) FROM saas.user_consents x
    UNION ALL SELECT 'issuers', NULL, id::text, created_at, to_jsonb(x) FROM saas.issuers x
    UNION ALL SELECT 'coupons', NULL, id::text, created_at, to_jsonb(x) FROM saas.coupons x
    UNION ALL SELECT 'coupon_redemptions', tenant_id, id::text, redeemed_at, to_jsonb(x) FROM saas.coupon_redemptions x
    UNION ALL SELECT 'credit_notes', tenant_id, id::text, created_at, to_jsonb(x) FROM saas.credit_notes x
    UNION ALL SELECT 'tax_rates', NULL, id::text, created_at, to_jsonb(x) FROM saas.tax_rates x
    UNION ALL SELECT 'tax_categories', NULL, x.kind || '/' || x.key, created_at, to_jsonb(x) FROM saas.tax_categories x
    UNION ALL SELECT 'billing_details', tenant_id, tenant_id::text, created_at, to_jsonb(x) FROM saas.billing_details x
    UNION ALL SELECT 'jwt_keys', NULL, id::text, created_at, to_jsonb(x) - 'key' FROM saas.jwt_keys x
    UNION ALL SELECT 'webhook_secrets', NULL, id::text, created_at, to_jsonb(x) - 'secret' FROM saas.webhook_secrets x
  ) rows OFFSET 0
),
-- What the log says of each of them.
logged AS (
  SELECT target_type, tenant_id, target_id, max(id::text) AS last_id,
         bool_or(old_values IS NULL AND new_values IS NOT NULL) AS was_inserted,
         (array_agg(new_values IS NULL ORDER BY id DESC))[1] AS is_gone,
         saas.merge(new_values ORDER BY id) FILTER (WHERE new_values IS NOT NULL)
           - '{updated_at,last_used_at,last_number,last_credit_note,redeemed,token_hash,key_hash,result_digest}'::text[] AS value
    FROM log
   WHERE target_id IS NOT NULL AND action <> target_type
     AND target_type NOT IN ('access_grants', 'settings', 'personal_data_registry')
     AND action IN (target_type || '.insert', target_type || '.update', target_type || '.delete')
   GROUP BY target_type, tenant_id, target_id
),
truncated AS MATERIALIZED (
  SELECT target_type, max(id::text) AS last_id FROM log WHERE action = target_type || '.truncate' GROUP BY target_type
),
-- Rows older than the log, and those that the first install brought along, have no audit row.
log_began (at) AS MATERIALIZED (
  SELECT greatest((SELECT to_timestamp(min(right(c.relname, 6)), 'YYYYMM')
                     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                    WHERE i.inhparent = 'saas.platform_audit_logs'::regclass AND c.relname ~ '_\d{6}$'),
                  (SELECT min(created_at) FROM saas.roles))
),
compared AS MATERIALIZED (
  SELECT coalesce(v.target_type, l.target_type) AS target_type, coalesce(v.target_id, l.target_id) AS target_id,
         CASE
           WHEN v.target_id IS NULL THEN
             CASE WHEN NOT (l.is_gone OR coalesce(t.last_id > l.last_id, false)) THEN 'deleted' END
           WHEN (l.target_id IS NULL OR NOT l.was_inserted) THEN
             CASE WHEN v.created_at > b.at THEN 'no audit row of its insert' END
           WHEN l.is_gone THEN 'its last audit row says that it is gone'
           WHEN NOT v.value @> l.value THEN
             (SELECT 'changed without an audit row: ' || string_agg(e.key, ', ' ORDER BY e.key) FROM jsonb_each(l.value) e
               WHERE v.value ? e.key AND v.value -> e.key <> e.value AND e.value <> '"***"')
         END AS problem
    FROM live v
    FULL JOIN logged l ON l.target_type = v.target_type AND l.target_id = v.target_id
                      AND coalesce(l.tenant_id, '00000000-0000-0000-0000-000000000000')
                        = coalesce(v.tenant_id, '00000000-0000-0000-0000-000000000000')
    LEFT JOIN truncated t ON t.target_type = l.target_type
   CROSS JOIN log_began b
)
SELECT CASE WHEN r.tenant_permissions = '{}' AND NOT j.is_staff THEN 'system_role_without_assignment'
            WHEN l.tenant_id IS NOT NULL AND NOT j.is_member AND NOT j.is_staff THEN 'tenant_action_without_membership'
            ELSE 'business_logic_before_permission' END AS invariant,
       l.action || ' ' || l.target_id AS object,
       format('%s at %s%s by %s, who had %s', l.action, to_char(l.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
              ' in tenant ' || l.tenant_id, coalesce(l.on_behalf_of, l.actor_id),
              CASE WHEN r.tenant_permissions = '{}' AND NOT j.is_staff THEN 'no system role'
                   WHEN l.tenant_id IS NOT NULL AND NOT j.is_member AND NOT j.is_staff THEN 'no membership there and no system role'
                   ELSE 'none of ' || array_to_string(r.tenant_permissions || coalesce(r.platform_permissions, '{}'), ', ') END) AS detail
  FROM judged j
  JOIN rules r ON r.rule = j.rule
  JOIN log l ON l.occurred_at = j.occurred_at AND l.id = j.id
 WHERE NOT j.is_permitted
UNION ALL
SELECT CASE problem WHEN 'deleted' THEN 'deletion_without_trail' ELSE 'platform_action_without_audit' END,
       target_type || ' ' || target_id,
       CASE problem WHEN 'deleted' THEN 'the log knows it, and of no deletion, but it is gone' ELSE problem END
  FROM compared WHERE problem IS NOT NULL
UNION ALL
-- A person is erased on request, and the request tells when, by whom and how.
SELECT 'deletion_without_trail', 'users ' || u.id, 'deleted_at is set, and there is no request for erasure'
  FROM saas.users u
 WHERE u.deleted_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM saas.privacy_requests p
                    WHERE p.user_id = u.id AND p.kind = 'erasure' AND p.status IN ('in_progress', 'completed'))
UNION ALL
SELECT 'impersonation_without_session', l.action || ' ' || l.target_id,
       format('audit row %s: %s', l.id,
              CASE WHEN l.impersonation_id IS NULL THEN 'on behalf of a user without an impersonation'
                   WHEN i.id IS NULL THEN 'its impersonation session does not exist'
                   WHEN i.actor_id IS DISTINCT FROM l.actor_id OR i.target_user_id IS DISTINCT FROM l.on_behalf_of
                     THEN 'its impersonation session is of other persons'
                   WHEN i.tenant_id <> l.tenant_id THEN 'its impersonation session is for another tenant'
                   WHEN i.read_only THEN 'its impersonation session was read-only'
                   WHEN i.approval_required AND i.approved_by IS NULL THEN 'its impersonation session was not approved'
                   ELSE 'outside of the time of its impersonation session' END)
  FROM log l
  LEFT JOIN saas.impersonation_sessions i ON i.id = l.impersonation_id
 WHERE (l.impersonation_id IS NOT NULL OR l.on_behalf_of IS NOT NULL)
   AND (i.id IS NULL OR i.actor_id IS DISTINCT FROM l.actor_id OR i.target_user_id IS DISTINCT FROM l.on_behalf_of
        -- Whoever is acted for may found a tenant of his own.
        OR (i.tenant_id <> l.tenant_id AND l.action NOT IN ('tenants.insert', 'tenant_members.insert'))
        OR i.read_only OR (i.approval_required AND i.approved_by IS NULL)
        OR i.started_at > l.written_at OR i.expires_at < l.occurred_at
        OR i.ended_at < l.occurred_at - interval '5 minutes')
UNION ALL
SELECT 'system_role_without_assignment', 'break_glass_events ' || b.id, 'its role was not assigned'
  FROM saas.break_glass_events b
  LEFT JOIN saas.system_role_assignments a ON a.id = b.assignment_id AND a.assigned_user_id = b.user_id AND a.role_id = b.role_id
 WHERE a.id IS NULL
UNION ALL
SELECT 'system_role_without_assignment', 'impersonation_sessions ' || i.id, 'its actor had no system role when it started'
  FROM saas.impersonation_sessions i
 WHERE NOT EXISTS (SELECT FROM system_roles s
                    WHERE s.user_id = i.actor_id AND s.assigned_at <= i.started_at AND s.until > i.started_at - interval '5 minutes')
 ORDER BY 1, 2, 3
