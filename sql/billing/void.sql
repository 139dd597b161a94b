-- Voids invoice $2 of tenant $1 for the reason $3; no row if it can't be.
UPDATE saas.payment_invoices i
   SET status = 'void', voided_at = now(), status_reason = $3
 WHERE i.tenant_id = $1 AND i.id = $2
   AND EXISTS (SELECT FROM saas.state_transitions t
                WHERE t.entity = 'payment_invoices' AND t.from_state = i.status AND t.to_state = 'void')
RETURNING i.id
