INSERT INTO saas.tax_rates AS r (id, country, category, valid_from, name, percent, is_inclusive)
VALUES (saas.uuid_v7(), $1, $2, $3, $4, $5, $6)
ON CONFLICT (country, category, valid_from) DO UPDATE
   SET name = excluded.name, percent = excluded.percent, is_inclusive = excluded.is_inclusive
 WHERE (r.name, r.percent, r.is_inclusive) <> (excluded.name, excluded.percent, excluded.is_inclusive)
