-- Every row is something wrong, whatever was killed when.
SELECT 'two invoices of a period', tenant_id::text FROM saas.payment_invoices GROUP BY tenant_id, subscription_id, period_start HAVING count(*) > 1
UNION ALL
SELECT 'an invoice is not the sum of its lines', i.id::text
  FROM saas.payment_invoices i LEFT JOIN saas.payment_invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id
 GROUP BY i.tenant_id, i.id HAVING i.total_amount <> coalesce(sum(l.amount), 0)
UNION ALL
SELECT 'an invoice without its billed period, or the reverse', coalesce(b.tenant_id, i.tenant_id)::text
  FROM saas.billed_periods b FULL JOIN saas.payment_invoices i ON i.tenant_id = b.tenant_id AND i.id = b.invoice_id
 WHERE i.id IS NULL OR b.invoice_id IS NULL AND i.subscription_id IS NOT NULL AND i.status <> 'void'
UNION ALL
SELECT 'a subscription is not where its billed periods end', s.tenant_id::text
  FROM saas.tenant_subscriptions s
 WHERE s.current_period_start <> coalesce((SELECT max(b.period_end) FROM saas.billed_periods b WHERE b.tenant_id = s.tenant_id), s.anchor::date)
UNION ALL
SELECT 'a balance that does not run', tenant_id::text
  FROM (SELECT tenant_id, entry, balance_after, sum(delta) OVER w AS balance, row_number() OVER w AS place
          FROM saas.tenant_credit_ledger WINDOW w AS (PARTITION BY tenant_id ORDER BY entry)) l
 WHERE entry <> place OR balance_after <> balance OR balance < 0
UNION ALL
SELECT 'credits on an invoice that the ledger does not have', i.id::text
  FROM saas.payment_invoices i
 WHERE i.credit_amount <> (SELECT coalesce(-sum(l.delta), 0) FROM saas.tenant_credit_ledger l WHERE l.tenant_id = i.tenant_id AND l.invoice_id = i.id)
UNION ALL
SELECT 'a counter that is not the sum of its events', tenant_id::text
  FROM (SELECT tenant_id, feature_key, period, sum(units) AS units FROM saas.usage_events GROUP BY 1, 2, 3) e
  FULL JOIN saas.usage_totals t USING (tenant_id, feature_key, period) WHERE e.units IS DISTINCT FROM t.units
UNION ALL
SELECT 'an event id without one event', tenant_id::text
  FROM saas.usage_event_keys k FULL JOIN
       (SELECT tenant_id, event_id, count(*) FROM saas.usage_events WHERE event_id IS NOT NULL GROUP BY 1, 2) e USING (tenant_id, event_id)
 WHERE e.count IS DISTINCT FROM 1
UNION ALL
SELECT 'a unit of a closed period that is neither billed nor an adjustment', r.tenant_id::text
  FROM saas.usage_records r JOIN saas.usage_summaries s USING (tenant_id, feature_key, period)
 WHERE s.closed_at IS NOT NULL
   AND r.count <> s.units_used + (SELECT coalesce(sum(a.units), 0) FROM saas.usage_adjustments a
                                   WHERE (a.tenant_id, a.feature_key, a.period) = (r.tenant_id, r.feature_key, r.period))
UNION ALL
SELECT 'a tenant set aside', tenant_id::text || ' ' || error FROM saas.close_parked
UNION ALL
SELECT invariant, object || ' ' || detail FROM saas.check_invariants();
