-- The credit note $2 of tenant $1 as a document.
SELECT jsonb_strip_nulls(jsonb_build_object(
         'kind', 'credit_note', 'number', n.number, 'issued_on', (n.created_at AT TIME ZONE n.time_zone)::date,
         'invoice_number', i.number, 'reason', n.reason, 'currency', n.currency, 'exponent', c.exponent,
         'issuer', n.issuer_details, 'bill_to', n.bill_to, 'sum', n.net_amount, 'tax', n.tax, 'total', n.total_amount,
         'settled_amount', n.settled_amount, 'returned_amount', n.returned_amount, 'refunded_amount', n.refunded_amount,
         'refund_reference', n.refund_reference))
       || jsonb_build_object(
         'lines', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                                      'description', 'Credit for invoice ' || i.number, 'quantity', '1',
                                      'unit_amount', l.net_amount::text, 'amount', l.net_amount,
                                      'tax_percent', trim_scale(l.tax_percent)::text)) ORDER BY l.position)
                     FROM saas.credit_note_lines l WHERE l.tenant_id = n.tenant_id AND l.credit_note_id = n.id),
         'taxes', (SELECT coalesce(jsonb_agg(jsonb_build_object('description', l.description, 'percent', trim_scale(l.tax_percent)::text,
                                                                'taxable_amount', l.net_amount, 'amount', l.tax) ORDER BY l.position), '[]')
                     FROM saas.credit_note_lines l WHERE l.tenant_id = n.tenant_id AND l.credit_note_id = n.id AND l.tax_percent IS NOT NULL),
         'notes', jsonb_build_array(n.reason))
  FROM saas.credit_notes n
  JOIN saas.payment_invoices i ON i.tenant_id = n.tenant_id AND i.id = n.invoice_id
  JOIN saas.currencies c ON c.code = n.currency
 WHERE n.tenant_id = $1 AND n.id = $2
