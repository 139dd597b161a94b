-- Takes the issuer's next number and opens the draft $1, which says from then on what it says now. The number and the
-- invoice are one change, so a number that was given is never missing. An invoice that charges nothing goes without, if
-- settings say so.
WITH draft AS (
  SELECT i.tenant_id, i.id, i.issuer_id, i.total_amount,
         c.zero_invoices = 'skip' AND i.total_amount + i.credit_amount = 0 AND i.tax = 0 AS is_skipped
    FROM saas.payment_invoices i CROSS JOIN saas.settings c
   WHERE i.id = $1 AND i.status = 'draft' FOR UPDATE OF i
), numbered AS (
  UPDATE saas.issuers s SET last_number = s.last_number + 1
    FROM draft d WHERE s.id = d.issuer_id AND NOT d.is_skipped
  RETURNING s.number_prefix || lpad(s.last_number::text, greatest(6, length(s.last_number::text)), '0') AS number
)
UPDATE saas.payment_invoices i
   SET status = CASE WHEN d.is_skipped THEN 'paid' ELSE 'open' END, number = n.number,
       finalized_at = CASE WHEN NOT d.is_skipped THEN now() END, paid_at = CASE WHEN d.is_skipped THEN now() END,
       due_at = CASE WHEN NOT d.is_skipped THEN now() + c.payment_terms END,
       issuer_details = saas.issuer_details(i.issuer_id), bill_to = saas.recipient_details(i.tenant_id),
       time_zone = t.time_zone
  FROM draft d JOIN saas.tenants t ON t.id = d.tenant_id LEFT JOIN numbered n ON true CROSS JOIN saas.settings c
 WHERE i.tenant_id = d.tenant_id AND i.id = d.id
RETURNING i.number, i.total_amount, d.is_skipped
