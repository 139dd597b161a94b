UPDATE saas.payment_invoices
   SET provider = $3, provider_invoice_id = $4
 WHERE tenant_id = $1 AND id = $2
   AND (provider, provider_invoice_id) IS DISTINCT FROM ($3, $4)
