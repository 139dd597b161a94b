-- A credit note for invoice $2 of tenant $1, for the reason $3: at the positions $4 it takes back $5, of which the tax is
-- $6; $7 were due still, $8 become credits, $9 are paid back as $10. The number and the note are one change.
WITH numbered AS (
  UPDATE saas.issuers s SET last_credit_note = s.last_credit_note + 1
    FROM saas.payment_invoices i WHERE i.tenant_id = $1 AND i.id = $2 AND s.id = i.issuer_id
  RETURNING s.id, s.credit_note_prefix || lpad(s.last_credit_note::text, greatest(6, length(s.last_credit_note::text)), '0') AS number
), parts AS (
  SELECT * FROM unnest($4::integer[], $5::bigint[], $6::bigint[]) AS p (position, gross, tax)
), note AS (
  INSERT INTO saas.credit_notes (tenant_id, id, invoice_id, issuer_id, number, reason, net_amount, tax, total_amount, settled_amount,
                                 returned_amount, refunded_amount, refund_reference, currency, issuer_details, bill_to, time_zone)
  SELECT i.tenant_id, saas.uuid_v7(), i.id, n.id, n.number, $3, s.gross - s.tax, s.tax, s.gross, $7, $8, $9, $10, i.currency,
         saas.issuer_details(n.id), coalesce(i.bill_to, saas.recipient_details(i.tenant_id)), coalesce(i.time_zone, t.time_zone)
    FROM saas.payment_invoices i JOIN saas.tenants t ON t.id = i.tenant_id, numbered n, (SELECT sum(gross)::bigint AS gross, sum(tax)::bigint AS tax FROM parts) s
   WHERE i.tenant_id = $1 AND i.id = $2
  RETURNING tenant_id, id, number
), lines AS (
  INSERT INTO saas.credit_note_lines (tenant_id, credit_note_id, position, description, tax_percent, net_amount, tax)
  SELECT n.tenant_id, n.id, p.position, coalesce(l.description, 'Not taxed'), l.tax_percent, p.gross - p.tax, p.tax
    FROM note n CROSS JOIN parts p
    LEFT JOIN saas.payment_invoice_lines l ON l.tenant_id = $1 AND l.invoice_id = $2 AND l.position = p.position
   WHERE (p.gross, p.tax) <> (0, 0)
), given AS (
  INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source)
  SELECT n.tenant_id, $8, 'Credit note ' || n.number, 'billing' FROM note n WHERE $8 > 0
), due AS (
  UPDATE saas.payment_invoices SET credited_amount = credited_amount + $7 WHERE tenant_id = $1 AND id = $2 AND $7 > 0
)
SELECT id FROM note
