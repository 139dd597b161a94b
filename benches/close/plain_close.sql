-- The same rows in set-based SQL, as one would write it for exactly these plans: no proration, no seats, no taxes, no late
-- usage, no halving around a tenant that can't be billed.
BEGIN;
WITH folded AS (
  DELETE FROM plain.slots WHERE period = :'month' RETURNING tenant_id, feature_key, period, units
)
INSERT INTO plain.records (tenant_id, id, feature_key, period, count)
SELECT tenant_id, saas.uuid_v7(), feature_key, period, sum(units) FROM folded GROUP BY tenant_id, feature_key, period;

INSERT INTO plain.summaries (tenant_id, id, feature_key, period, units_used, closed_at)
SELECT tenant_id, saas.uuid_v7(), feature_key, period, count, now() FROM plain.records WHERE period = :'month';

INSERT INTO plain.fees (tenant_id, id, period, feature_key, units, included_units, unit_price, total_amount, closed_at)
SELECT u.tenant_id, saas.uuid_v7(), u.period, u.feature_key, greatest(u.units_used - f.included_units, 0), f.included_units, f.overage_price,
       round(greatest(u.units_used - f.included_units, 0) * f.overage_price)::bigint, now()
  FROM plain.summaries u
  JOIN plain.tenant_subscriptions s ON s.tenant_id = u.tenant_id
  JOIN saas.plan_features f ON f.plan_id = s.plan_id AND f.feature_key = u.feature_key
 WHERE u.period = :'month';

CREATE TEMPORARY TABLE due ON COMMIT DROP AS
SELECT s.tenant_id, s.id AS subscription_id, s.plan_id, s.subscription_seat AS seats, saas.uuid_v7() AS invoice_id, p.name, p.base_price, t.currency,
       s.current_period_start, s.current_period_end, f.amount AS usage_amount,
       least(p.base_price + f.amount, l.balance_after) AS credit_amount, l.entry, l.balance_after
  FROM plain.tenant_subscriptions s
  JOIN saas.tenants t ON t.id = s.tenant_id
  JOIN saas.plans p ON p.id = s.plan_id
  JOIN (SELECT tenant_id, sum(total_amount)::bigint AS amount FROM plain.fees WHERE period = :'month' GROUP BY tenant_id) f ON f.tenant_id = s.tenant_id
  JOIN (SELECT DISTINCT ON (tenant_id) tenant_id, entry, balance_after FROM plain.ledger ORDER BY tenant_id, entry DESC) l ON l.tenant_id = s.tenant_id
 WHERE s.current_period_start = :'month';
ANALYZE due;

INSERT INTO plain.invoices (tenant_id, id, subscription_id, issuer_id, period, period_start, period_end, subscription_amount, usage_amount,
                            other_amount, discount, tax, credit_amount, total_amount, currency)
SELECT tenant_id, invoice_id, subscription_id, (SELECT id FROM saas.issuers WHERE key = 'default'), current_period_start, current_period_start,
       current_period_end, base_price, usage_amount, 0, 0, 0, credit_amount, base_price + usage_amount - credit_amount, currency FROM due;

INSERT INTO plain.lines (tenant_id, id, invoice_id, position, kind, description, feature_key, quantity, unit_amount, amount, period_start, period_end, source_id)
SELECT tenant_id, saas.uuid_v7(), invoice_id, row_number() OVER (PARTITION BY tenant_id ORDER BY rank, feature_key), kind, description, feature_key,
       quantity, unit_amount, amount, period_start, period_end, source_id
  FROM (
    SELECT tenant_id, invoice_id, 1 AS rank, 'subscription' AS kind, name || ' plan' AS description, NULL AS feature_key, 1::numeric AS quantity,
           base_price::numeric AS unit_amount, base_price AS amount, current_period_start AS period_start, current_period_end AS period_end,
           subscription_id AS source_id
      FROM due
    UNION ALL
    SELECT d.tenant_id, d.invoice_id, 2, 'usage', format('%s beyond %s included', f.feature_key, f.included_units), f.feature_key, f.units,
           f.unit_price, f.total_amount, d.current_period_start, d.current_period_end, f.id
      FROM due d JOIN plain.fees f ON f.tenant_id = d.tenant_id AND f.period = :'month'
     WHERE f.total_amount > 0
    UNION ALL
    SELECT tenant_id, invoice_id, 3, 'credit', 'Credits used', NULL, 1, -credit_amount, -credit_amount, NULL, NULL, NULL FROM due WHERE credit_amount > 0
  ) l;

-- Each used credit comes from one grant here.
CREATE TEMPORARY TABLE posted ON COMMIT DROP AS
SELECT d.*, saas.uuid_v7() AS entry_id, l.grant_id FROM due d JOIN plain.lots l ON l.tenant_id = d.tenant_id WHERE d.credit_amount > 0;
INSERT INTO plain.ledger (tenant_id, id, entry, delta, balance_after, reason, source, invoice_id)
SELECT tenant_id, entry_id, entry + 1, -credit_amount, balance_after - credit_amount,
       'Used on the invoice for ' || to_char(current_period_start, 'YYYY-MM-DD'), 'billing', invoice_id FROM posted;
INSERT INTO plain.allocations (tenant_id, entry_id, grant_id, amount) SELECT tenant_id, entry_id, grant_id, credit_amount FROM posted;
DELETE FROM plain.lots l USING posted p WHERE l.tenant_id = p.tenant_id AND l.grant_id = p.grant_id AND l.remaining = p.credit_amount;

INSERT INTO plain.periods (tenant_id, subscription_id, period_start, period_end, previous_end, plan_id, seats, period, invoice_id)
SELECT d.tenant_id, d.subscription_id, d.current_period_start, d.current_period_end, b.period_end, d.plan_id, d.seats, d.current_period_start, d.invoice_id
  FROM due d
  LEFT JOIN plain.periods b ON b.tenant_id = d.tenant_id AND b.subscription_id = d.subscription_id AND b.period_end = d.current_period_start;

UPDATE plain.tenant_subscriptions s
   SET current_period_start = d.current_period_end, current_period_end = (d.current_period_end + interval '1 month')::date
  FROM due d WHERE s.tenant_id = d.tenant_id AND s.id = d.subscription_id;

INSERT INTO plain.audit (id, epoch, actor_type, database_role, tenant_id, action, target_type, target_id, old_values, new_values, row_hash)
SELECT saas.uuid_v7(), '1/1', 'database_role', session_user, tenant_id, action, split_part(action, '.', 1), target_id, old_values, new_values,
       sha256(convert_to(concat_ws('|', now(), tenant_id, action, target_id, old_values, new_values), 'UTF8'))
  FROM (
    SELECT i.tenant_id, 'payment_invoices.insert' AS action, i.id::text AS target_id, NULL::jsonb AS old_values, to_jsonb(i) AS new_values
      FROM plain.invoices i JOIN due d ON d.tenant_id = i.tenant_id AND d.invoice_id = i.id
    UNION ALL
    SELECT l.tenant_id, 'tenant_credit_ledger.insert', l.id::text, NULL, to_jsonb(l)
      FROM plain.ledger l JOIN posted p ON p.tenant_id = l.tenant_id AND p.entry_id = l.id
    UNION ALL
    SELECT s.tenant_id, 'tenant_subscriptions.update', s.id::text,
           jsonb_build_object('current_period_start', d.current_period_start, 'current_period_end', d.current_period_end),
           jsonb_build_object('current_period_start', s.current_period_start, 'current_period_end', s.current_period_end)
      FROM plain.tenant_subscriptions s JOIN due d ON d.tenant_id = s.tenant_id AND d.subscription_id = s.id
  ) changes;
COMMIT;
