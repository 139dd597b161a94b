-- What plan $1 costs in other currencies: of the terms $2.
INSERT INTO saas.plan_prices (plan_id, currency, base_price, seat_price, setup_fee, minimum_amount)
SELECT $1, x.currency, x.base_price, x.seat_price, x.setup_fee, x.minimum_amount
  FROM jsonb_to_recordset($2::text::jsonb -> 'prices') AS x (currency text, base_price bigint, seat_price bigint,
                                                             setup_fee bigint, minimum_amount bigint)
