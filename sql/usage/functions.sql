-- What used units cost beyond the included ones, in minor units, rounded once.
CREATE FUNCTION saas.usage_price(included bigint, overage_price numeric, price_model jsonb, units bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN overage_price IS NOT NULL THEN
    pg_catalog.round(GREATEST(units - included, 0)::numeric * overage_price)::bigint
  WHEN price_model IS NOT NULL THEN
    saas.round_minor(saas.price_quantity(price_model, GREATEST(units - included, 0)::numeric))
  ELSE 0::bigint
END;
