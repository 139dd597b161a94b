-- What tenant $1 says of itself: name $2, time zone $3, currency $4, NULL as it is.
UPDATE saas.tenants
   SET name = coalesce($2, name), time_zone = coalesce($3, time_zone), currency = coalesce($4, currency)
 WHERE id = $1 AND deleted_at IS NULL
