-- What is wrong with the books of a simulated day; no row if nothing is.
SELECT 'lines of ' || i.id FROM saas.payment_invoices i LEFT JOIN saas.payment_invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id
 GROUP BY i.tenant_id, i.id HAVING i.total_amount <> coalesce(sum(l.amount), 0) OR i.total_amount < 0
UNION ALL
SELECT 'ledger of ' || l.tenant_id FROM (
  SELECT tenant_id, entry, balance_after, sum(delta) OVER w AS balance, row_number() OVER w AS place
    FROM saas.tenant_credit_ledger WINDOW w AS (PARTITION BY tenant_id ORDER BY entry)) l
 WHERE entry <> place OR balance_after <> balance OR balance < 0
UNION ALL
SELECT 'lots of ' || t.id FROM saas.tenants t
 WHERE coalesce((SELECT sum(remaining) FROM saas.credit_lots c WHERE c.tenant_id = t.id), 0)
    <> coalesce((SELECT sum(delta) FROM saas.tenant_credit_ledger l WHERE l.tenant_id = t.id), 0)
UNION ALL
SELECT 'two invoices of ' || subscription_id || ' from ' || period_start FROM saas.payment_invoices
 WHERE status <> 'void' AND subscription_id IS NOT NULL GROUP BY subscription_id, billing_reason, period_start HAVING count(*) > 1
UNION ALL
-- Closed periods and the open one follow each other.
SELECT 'periods of ' || subscription_id FROM (
  SELECT subscription_id, period_start, lag(period_end) OVER (PARTITION BY subscription_id ORDER BY period_start) AS before
    FROM (SELECT subscription_id, period_start, period_end FROM saas.billed_periods
          UNION ALL
          SELECT id, current_period_start, current_period_end FROM saas.tenant_subscriptions
           WHERE settled_at IS NULL AND paused_on IS DISTINCT FROM current_period_start) p) p
 WHERE before <> period_start
UNION ALL
SELECT 'numbers' FROM saas.issuers s LEFT JOIN saas.payment_invoices i ON i.issuer_id = s.id AND i.number IS NOT NULL
 GROUP BY s.id HAVING count(DISTINCT i.number) <> s.last_number OR count(i.number) <> s.last_number
LIMIT 1
