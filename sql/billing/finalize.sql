-- Takes the issuer's next number and opens the draft $1. The number and the invoice are one change, so
-- a number that was given is never missing.
WITH draft AS (
  SELECT i.tenant_id, i.id, i.issuer_id, i.total_amount
    FROM saas.payment_invoices i WHERE i.id = $1 AND i.status = 'draft' FOR UPDATE
), numbered AS (
  UPDATE saas.issuers s SET last_number = s.last_number + 1
    FROM draft d WHERE s.id = d.issuer_id
  RETURNING s.number_prefix || lpad(s.last_number::text, greatest(6, length(s.last_number::text)), '0') AS number
)
UPDATE saas.payment_invoices i
   SET status = 'open', number = n.number, finalized_at = now(), due_at = now() + c.payment_terms
  FROM draft d, numbered n, saas.settings c
 WHERE i.tenant_id = d.tenant_id AND i.id = d.id
RETURNING i.number, i.total_amount
