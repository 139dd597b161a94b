-- Promises beside the six invariants that sums, chains and catalogs can tell.
WITH
held_roles (object, role_id, is_system) AS (
  SELECT 'tenant_members ' || id, role_id, false FROM saas.tenant_members
  UNION ALL SELECT 'tenant_invitations ' || id, role_id, false FROM saas.tenant_invitations
  UNION ALL SELECT 'api_keys ' || id, role_id, false FROM saas.api_keys
  UNION ALL SELECT 'system_role_assignments ' || id, role_id, true FROM saas.system_role_assignments
  UNION ALL SELECT 'break_glass_events ' || id, role_id, true FROM saas.break_glass_events
),
-- Triggers that must fire: 'A' also for replicated rows and under session_replication_role = replica.
guards (table_name, trigger_name, wanted) AS (
  SELECT t, g, 'A'
    FROM unnest('{tenant_credit_ledger,credit_allocations,subscription_changes,subscription_add_ons,credit_notes,credit_note_lines,platform_audit_logs,audit_seals,audit_seal_rows,
                  audit_retirements,incident_history,usage_events,usage_corrections}'::text[]) t
   CROSS JOIN unnest('{trg_refuse_change,trg_refuse_truncate}'::text[]) g
  UNION ALL
  SELECT c.relname, g, 'A'
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
   CROSS JOIN unnest('{trg_refuse_change,trg_refuse_truncate}'::text[]) g
   WHERE i.inhparent IN ('saas.platform_audit_logs'::regclass, 'saas.usage_events'::regclass)
  UNION ALL
  SELECT c.relname, 'trg_stamp_audit_log', 'O'
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
   WHERE c.oid = 'saas.platform_audit_logs'::regclass OR i.inhparent = 'saas.platform_audit_logs'::regclass
  UNION ALL
  SELECT 'user_consents', g, 'A' FROM unnest('{trg_protect_consent,trg_protect_consent_truncate}'::text[]) g
  UNION ALL
  SELECT t, 'trg_audit_' || g, 'O'
    FROM unnest('{tenants,tenant_members,tenant_invitations,api_keys,users,roles,permissions,role_permissions,
                  system_role_assignments,break_glass_events,impersonation_sessions,access_grants,settings,plans,
                  plan_prices,plan_features,plan_add_ons,tenant_subscriptions,subscription_add_ons,payment_invoices,tenant_credit_ledger,
                  payment_customers,payment_one_times,incidents,privacy_requests,user_consents,
                  personal_data_registry,issuers,jwt_keys,webhook_secrets,coupons,coupon_redemptions,tax_rates,
                  tax_categories,billing_details,credit_notes,usage_corrections}'::text[]) t
   CROSS JOIN unnest('{insert,update,delete,truncate}'::text[]) g
  UNION ALL
  SELECT t, 'trg_audit_insert', 'O' FROM unnest('{audit_retirements,incident_history}'::text[]) t
  UNION ALL
  SELECT 'security_events', g, 'A' FROM unnest('{trg_protect_event,trg_protect_event_truncate}'::text[]) g
  UNION ALL
  SELECT t, 'trg_keep_history', 'O' FROM unnest('{incidents,security_events}'::text[]) t
)
SELECT CASE WHEN h.is_system THEN 'tenant_role_in_platform' ELSE 'system_role_in_tenant' END AS invariant,
       h.object, 'role ' || r.key AS detail
  FROM held_roles h JOIN saas.roles r ON r.id = h.role_id
 WHERE r.is_system <> h.is_system
UNION ALL
SELECT 'break_glass_without_event', 'system_role_assignments ' || a.id,
       CASE WHEN b.id IS NULL THEN 'an emergency role that was not opened'
            WHEN b.closed_at IS NOT NULL THEN 'an emergency role that is held though it was closed'
            ELSE 'an emergency role that is held for longer than it was opened for' END
  FROM saas.system_role_assignments a
  JOIN saas.roles r ON r.id = a.role_id AND r.is_break_glass
  LEFT JOIN saas.break_glass_events b ON b.assignment_id = a.id AND b.user_id = a.assigned_user_id AND b.role_id = a.role_id
 WHERE b.id IS NULL
    OR a.revoked_at IS NULL AND (b.closed_at IS NOT NULL OR coalesce(a.expires_at, 'infinity') > b.expires_at)
UNION ALL
SELECT 'append_only_trigger', g.table_name || ' ' || g.trigger_name,
       CASE WHEN t.oid IS NULL THEN 'is missing'
            WHEN t.tgenabled = 'D' THEN 'is disabled'
            ELSE 'is not ENABLE ALWAYS' END
  FROM guards g
  LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass(format('saas.%I', g.table_name)) AND t.tgname = g.trigger_name
 WHERE t.oid IS NULL OR t.tgenabled NOT IN ('A', g.wanted::"char")
UNION ALL
SELECT 'ledger_balance', 'tenant ' || tenant_id,
       format('%s of %s entries: number or balance_after is not what the entries before it say', count(*) FILTER (WHERE wrong), count(*))
  FROM (SELECT tenant_id,
               entry <> row_number() OVER entries OR balance_after <> sum(delta) OVER entries AS wrong
          FROM saas.tenant_credit_ledger
        WINDOW entries AS (PARTITION BY tenant_id ORDER BY entry ROWS UNBOUNDED PRECEDING)) checked
 GROUP BY tenant_id HAVING bool_or(wrong)
UNION ALL
SELECT 'invoice_total', 'payment_invoices ' || i.id,
       format('its lines add up to %s, its total is %s%s', s.total_amount, i.total_amount,
              CASE WHEN s.total_amount = i.total_amount THEN ', but not kind by kind' END)
  FROM saas.payment_invoices i
 CROSS JOIN LATERAL saas.invoice_sums(i.tenant_id, i.id) s
 WHERE (i.subscription_amount, i.usage_amount, i.other_amount, i.discount, i.tax, i.credit_amount, i.total_amount)
    <> (s.subscription_amount, s.usage_amount, s.other_amount, s.discount, s.tax, s.credit_amount, s.total_amount)
UNION ALL
-- What an invoice used of the credits is what its lines say; once it is void, the ledger is as if it had not been.
SELECT 'invoice_credits', 'payment_invoices ' || i.id,
       CASE WHEN i.status = 'void' THEN format('it is void, but the ledger keeps %s of it', coalesce(l.sum, 0))
            ELSE format('it uses %s credits, the ledger says %s', i.credit_amount, coalesce(l.used, 0)) END
  FROM saas.payment_invoices i
  LEFT JOIN (SELECT tenant_id, invoice_id, sum(delta), coalesce(-sum(delta) FILTER (WHERE delta < 0), 0) AS used
               FROM saas.tenant_credit_ledger WHERE invoice_id IS NOT NULL GROUP BY tenant_id, invoice_id) l
    ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id
 WHERE CASE WHEN i.status = 'void' THEN coalesce(l.sum, 0) <> 0 ELSE coalesce(l.used, 0) <> i.credit_amount END
UNION ALL
SELECT 'invoice_of_period', 'payment_invoices ' || i.id,
       CASE WHEN b.invoice_id IS NULL THEN 'no billed period names it' ELSE 'a billed period of something else names it' END
  FROM saas.payment_invoices i
  LEFT JOIN saas.billed_periods b ON b.tenant_id = i.tenant_id AND b.invoice_id = i.id
 WHERE CASE WHEN b.invoice_id IS NULL THEN i.billing_reason = 'period' AND i.status <> 'void'
            ELSE (i.subscription_id, i.period_start, i.period_end) IS DISTINCT FROM (b.subscription_id, b.period_start, b.period_end) END
UNION ALL
SELECT 'invoice_in_advance', 'payment_invoices ' || i.id, 'neither a fee in advance nor a change names it'
  FROM saas.payment_invoices i
 WHERE i.billing_reason IN ('advance', 'change') AND i.status <> 'void'
   AND NOT EXISTS (SELECT FROM saas.advance_fees f WHERE f.tenant_id = i.tenant_id AND f.invoice_id = i.id AND f.subscription_id = i.subscription_id)
   AND NOT EXISTS (SELECT FROM saas.charged_changes x
                     LEFT JOIN saas.subscription_changes c ON c.tenant_id = x.tenant_id AND c.id = x.change_id
                     LEFT JOIN saas.subscription_add_ons a ON a.tenant_id = x.tenant_id AND a.id = x.add_on_id
                    WHERE x.tenant_id = i.tenant_id AND x.invoice_id = i.id AND coalesce(c.subscription_id, a.subscription_id) = i.subscription_id)
UNION ALL
SELECT 'fee_in_advance_gap', 'tenant_subscriptions ' || f.subscription_id,
       format('the fee from %s to %s does not follow on %s', f.fee_start, f.fee_end, coalesce(f.before::text, 'nothing'))
  FROM (SELECT subscription_id, fee_start, fee_end, previous_end,
               lag(fee_end) OVER (PARTITION BY tenant_id, subscription_id ORDER BY fee_start) AS before
          FROM saas.advance_fees) f
 WHERE f.previous_end IS DISTINCT FROM f.before OR f.fee_start <> f.before
UNION ALL
-- By tiers a fee has several lines.
SELECT 'usage_fee', 'usage_fees ' || f.id, format('it is %s, the lines of its invoice say %s', f.total_amount, l.amount)
  FROM (SELECT tenant_id, source_id, sum(amount) AS amount FROM saas.payment_invoice_lines
         WHERE kind = 'usage' GROUP BY tenant_id, invoice_id, source_id) l
  JOIN saas.usage_fees f ON f.tenant_id = l.tenant_id AND f.id = l.source_id
 WHERE l.amount <> f.total_amount
UNION ALL
SELECT 'late_usage', 'usage_adjustments ' || a.id,
       format('it is billed at %s, the lines of its invoice say %s', a.amount, coalesce(l.amount, 0))
  FROM saas.usage_adjustments a
  LEFT JOIN saas.payment_invoice_lines l
    ON l.tenant_id = a.tenant_id AND l.invoice_id = a.invoice_id AND l.kind = 'adjustment' AND l.source_id = a.id
 WHERE a.amount IS NOT NULL AND a.amount <> coalesce(l.amount, 0)
UNION ALL
SELECT 'invoice_number_gap', 'issuers ' || n.key,
       format('%s invoices have numbers from %s to %s, the last given is %s', n.count, n.first, n.last, n.last_number)
  FROM (SELECT s.key, s.last_number, count(*), count(DISTINCT i.number) AS different,
               min(substring(i.number FROM '\d+$')::numeric) AS first, max(substring(i.number FROM '\d+$')::numeric) AS last
          FROM saas.payment_invoices i JOIN saas.issuers s ON s.id = i.issuer_id
         WHERE i.number IS NOT NULL GROUP BY s.id) n
 WHERE n.count <> n.different OR n.last - n.first + 1 <> n.count OR n.last <> n.last_number
UNION ALL
SELECT 'credit_lot', 'tenant_credit_ledger ' || coalesce(g.id, l.grant_id), format('%s are left of the grant, its lot says %s', coalesce(g.left, 0), coalesce(l.remaining, 0))
  FROM (SELECT g.tenant_id, g.id, g.delta - coalesce(sum(a.amount), 0) AS left
          FROM saas.tenant_credit_ledger g
          LEFT JOIN saas.credit_allocations a ON a.tenant_id = g.tenant_id AND a.grant_id = g.id
         WHERE g.delta > 0 GROUP BY g.tenant_id, g.id, g.delta) g
  FULL JOIN saas.credit_lots l ON l.tenant_id = g.tenant_id AND l.grant_id = g.id
 WHERE coalesce(g.left, 0) <> coalesce(l.remaining, 0)
UNION ALL
SELECT 'credit_note_number_gap', 'issuers ' || n.key, format('%s credit notes, the last number given is %s', n.count, n.last_credit_note)
  FROM (SELECT s.key, s.last_credit_note, count(*), max(substring(c.number FROM '\d+$')::numeric) AS last, count(DISTINCT c.number) AS different
          FROM saas.credit_notes c JOIN saas.issuers s ON s.id = c.issuer_id GROUP BY s.id) n
 WHERE n.count <> n.different OR n.count <> n.last_credit_note OR n.last <> n.last_credit_note
UNION ALL
-- Of no invoice more is taken back than it charged, and what was due is what the notes left of it.
SELECT 'credit_note_sum', 'payment_invoices ' || i.id, format('it charges %s, credit notes take back %s', i.total_amount + i.credit_amount, c.total)
  FROM saas.payment_invoices i
  JOIN (SELECT n.tenant_id, n.invoice_id, sum(n.total_amount) AS total, sum(n.settled_amount) AS settled, sum(n.tax) AS tax,
               bool_or((n.net_amount, n.tax) <> (l.net_amount, l.tax)) AS differs
          FROM saas.credit_notes n
         CROSS JOIN LATERAL (SELECT sum(l.net_amount) AS net_amount, sum(l.tax) AS tax FROM saas.credit_note_lines l
                              WHERE l.tenant_id = n.tenant_id AND l.credit_note_id = n.id) l
         GROUP BY n.tenant_id, n.invoice_id) c ON c.tenant_id = i.tenant_id AND c.invoice_id = i.id
 WHERE c.differs IS NOT FALSE OR c.total > i.total_amount + i.credit_amount OR c.settled <> i.credited_amount
    OR c.total = i.total_amount + i.credit_amount AND c.tax <> i.tax
UNION ALL
SELECT 'billed_period_gap', 'tenant_subscriptions ' || c.subscription_id,
       format('period %s to %s does not follow on %s', c.period_start, c.period_end, coalesce(c.before::text, 'nothing'))
  FROM (SELECT subscription_id, period_start, period_end, previous_end,
               lag(period_end) OVER (PARTITION BY tenant_id, subscription_id ORDER BY period_start) AS before
          FROM saas.billed_periods) c
 WHERE c.previous_end IS DISTINCT FROM c.before OR c.period_start <> c.before
UNION ALL
SELECT 'billed_period_gap', 'tenant_subscriptions ' || s.id,
       format('its period starts on %s, but what is billed ends on %s', s.current_period_start, b.billed_to)
  FROM saas.tenant_subscriptions s
  JOIN (SELECT tenant_id, subscription_id, max(period_end) AS billed_to FROM saas.billed_periods GROUP BY tenant_id, subscription_id) b
    ON b.tenant_id = s.tenant_id AND b.subscription_id = s.id
 WHERE s.status <> 'canceled' AND s.current_period_start <> b.billed_to
UNION ALL
SELECT 'subscription_change_gap', 'tenant_subscriptions ' || c.subscription_id,
       format('change %s is on %s and leads to other terms than those that follow', c.number, c.day)
  FROM (SELECT c.*, lead(number) OVER w AS next_number, lead(day) OVER w AS next_day,
               lead(from_plan_id) OVER w AS next_plan_id, lead(from_seats) OVER w AS next_seats
          FROM saas.subscription_changes c WINDOW w AS (PARTITION BY tenant_id, subscription_id ORDER BY number)) c
  JOIN saas.tenant_subscriptions s ON s.tenant_id = c.tenant_id AND s.id = c.subscription_id
 WHERE (c.to_plan_id, c.to_seats) <> (coalesce(c.next_plan_id, s.plan_id), coalesce(c.next_seats, s.subscription_seat))
    OR c.next_number <> c.number + 1 OR c.next_day < c.day
UNION ALL
SELECT 'add_on_gap', 'tenant_subscriptions ' || a.subscription_id, format('%s add-ons were taken or given back, the last is number %s', a.count, a.last)
  FROM (SELECT subscription_id, count(*), max(number) AS last FROM saas.subscription_add_ons GROUP BY tenant_id, subscription_id) a
 WHERE a.count <> a.last
UNION ALL
-- This month's and last month's: older ones were checked when they were new.
SELECT 'usage_double_count', 'usage_events ' || tenant_id, format('event "%s" was counted %s times', event_id, count(*))
  FROM saas.usage_events
 WHERE event_id IS NOT NULL AND recorded_at >= date_trunc('month', now()) - interval '1 month'
 GROUP BY tenant_id, event_id HAVING count(*) > 1
 ORDER BY 1, 2, 3
