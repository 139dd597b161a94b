-- The invoice $2 of tenant $1 as a document. A finalized one says what it said then, whatever has been changed since.
SELECT jsonb_strip_nulls(jsonb_build_object(
         'kind', 'invoice', 'number', i.number, 'status', i.status,
         'issued_on', (i.finalized_at AT TIME ZONE zone.of_its_own)::date, 'due_on', (i.due_at AT TIME ZONE zone.of_its_own)::date,
         'paid_on', (i.paid_at AT TIME ZONE zone.of_its_own)::date,
         'period', i.period_start || ' to ' || (i.period_end - 1), 'period_start', i.period_start, 'period_end', i.period_end,
         'currency', i.currency, 'exponent', c.exponent,
         'issuer', coalesce(i.issuer_details, saas.issuer_details(i.issuer_id)),
         'bill_to', coalesce(i.bill_to, saas.recipient_details(i.tenant_id)),
         'sum', i.total_amount + i.credit_amount - l.tax_added, 'tax', i.tax, 'credits_used', i.credit_amount,
         'invoiced', i.total_amount, 'credited', i.credited_amount, 'total', i.total_amount - i.credited_amount))
       || jsonb_build_object(
         'lines', coalesce(l.lines, '[]'), 'taxes', coalesce(l.taxes, '[]'),
         'notes', jsonb_build_array(coalesce(i.issuer_details, saas.issuer_details(i.issuer_id)) ->> 'payment_note'))
  FROM saas.payment_invoices i
  JOIN saas.tenants t ON t.id = i.tenant_id
 CROSS JOIN LATERAL (SELECT coalesce(i.time_zone, t.time_zone) AS of_its_own) zone
  JOIN saas.currencies c ON c.code = i.currency
 CROSS JOIN LATERAL (
   SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                      'kind', l.kind, 'description', l.description, 'quantity', trim_scale(l.quantity)::text,
                      'unit_amount', trim_scale(l.unit_amount)::text, 'amount', l.amount, 'feature_key', l.feature_key,
                      'period', l.period_start || ' to ' || (l.period_end - 1), 'tax_percent', trim_scale(l.tax_percent)::text))
                    ORDER BY l.position)
            FILTER (WHERE l.kind NOT IN ('tax', 'credit') AND l.taxable_amount IS NULL) AS lines,
          jsonb_agg(jsonb_build_object('description', l.description, 'percent', trim_scale(l.tax_percent)::text,
                                       'taxable_amount', l.taxable_amount, 'amount', l.amount, 'is_contained', l.contains_tax)
                    ORDER BY l.position)
            FILTER (WHERE l.kind = 'tax') AS taxes,
          coalesce(sum(l.amount) FILTER (WHERE l.kind = 'tax' AND NOT l.contains_tax), 0) AS tax_added
     FROM saas.payment_invoice_lines l WHERE l.tenant_id = i.tenant_id AND l.invoice_id = i.id
 ) l
 WHERE i.tenant_id = $1 AND i.id = $2
