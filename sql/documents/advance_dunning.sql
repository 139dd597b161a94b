-- The reminders of tenants $2 that are due at $1: one step a call and invoice, so that each is sent, however late the call is.
WITH late AS (
  SELECT i.tenant_id, i.id, i.due_at, s.dunning_schedule AS steps
    FROM saas.payment_invoices i CROSS JOIN saas.settings s
   WHERE i.tenant_id = ANY ($2::uuid[]) AND i.status IN ('open', 'failed') AND i.total_amount > i.credited_amount AND i.due_at + s.dunning_schedule[1] <= $1
), begun AS (
  INSERT INTO saas.dunning (tenant_id, invoice_id, status, reminder_at)
  SELECT l.tenant_id, l.id, 'reminder', $1 FROM late l
  ON CONFLICT (tenant_id, invoice_id) DO NOTHING
  RETURNING tenant_id, invoice_id, status
), gone_on AS (
  UPDATE saas.dunning d
     SET status = CASE d.status WHEN 'reminder' THEN 'warning' ELSE 'final' END,
         warning_at = CASE d.status WHEN 'reminder' THEN $1 ELSE d.warning_at END,
         final_at = CASE d.status WHEN 'warning' THEN $1 END
    FROM late l
   WHERE d.tenant_id = l.tenant_id AND d.invoice_id = l.id
     AND l.due_at + l.steps[CASE d.status WHEN 'reminder' THEN 2 WHEN 'warning' THEN 3 END] <= $1
  RETURNING d.tenant_id, d.invoice_id, d.status
), steps AS (
  SELECT * FROM begun UNION ALL SELECT * FROM gone_on
)
INSERT INTO saas.outbox (topic, tenant_id, payload)
SELECT 'invoice.' || s.status, s.tenant_id,
       jsonb_build_object('invoice_id', s.invoice_id, 'number', i.number, 'due_at', i.due_at, 'currency', i.currency,
                          'amount', i.total_amount - i.credited_amount)
  FROM steps s JOIN saas.payment_invoices i ON i.tenant_id = s.tenant_id AND i.id = s.invoice_id
RETURNING tenant_id
