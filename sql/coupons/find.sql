-- The coupon $1 as tenant $2 could take it: what stands against it, if anything does.
SELECT c.id,
       CASE
         WHEN NOT c.is_active OR c.starts_at > clock_timestamp() OR c.expires_at <= clock_timestamp() THEN 'closed'
         WHEN c.percent IS NULL AND NOT c.amounts ? t.currency THEN 'currency'
       END
  FROM saas.tenants t JOIN saas.coupons c ON c.code = upper(btrim($1))
 WHERE t.id = $2
