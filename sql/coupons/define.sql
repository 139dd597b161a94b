-- The coupon with the code $1, as the terms $2 say.
INSERT INTO saas.coupons AS c (id, code, name, percent, amounts, applies_to, invoice_count, max_redemptions, starts_at, expires_at, is_active)
SELECT saas.uuid_v7(), $1, t.name, t.percent, t.amounts, t.applies_to, t.invoice_count, t.max_redemptions, t.starts_at, t.expires_at, t.is_active
  FROM jsonb_to_record($2::jsonb) AS t (name text, percent numeric, amounts jsonb, applies_to text[], invoice_count integer,
                                        max_redemptions bigint, starts_at timestamptz, expires_at timestamptz, is_active boolean)
ON CONFLICT (code) DO UPDATE
   SET name = excluded.name, percent = excluded.percent, amounts = excluded.amounts, applies_to = excluded.applies_to,
       invoice_count = excluded.invoice_count, max_redemptions = excluded.max_redemptions, starts_at = excluded.starts_at,
       expires_at = excluded.expires_at, is_active = excluded.is_active
RETURNING id
