-- Tenant $1 takes coupon $2 from the day of $3 on; no row if it has been taken too often. The row of the coupon is
-- counted up first: whoever comes second waits for it, and then sees the count.
WITH counted AS (
  UPDATE saas.coupons SET redeemed = redeemed + 1
   WHERE id = $2 AND (max_redemptions IS NULL OR redeemed < max_redemptions)
  RETURNING *
)
INSERT INTO saas.coupon_redemptions (tenant_id, id, coupon_id, code, name, percent, amounts, applies_to, invoice_count, applies_from)
SELECT t.id, saas.uuid_v7(), c.id, c.code, c.name, c.percent, c.amounts, c.applies_to, c.invoice_count,
       ($3 AT TIME ZONE t.time_zone)::date
  FROM counted c JOIN saas.tenants t ON t.id = $1
RETURNING id
