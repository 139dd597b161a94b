-- The tenants after $3 (in order of id, $4 at most; only $5 if given) with usage in periods from $1 up to before $2.
SELECT tenant_id, period FROM (
  SELECT tenant_id, period FROM saas.usage_counter_slots
  UNION
  SELECT tenant_id, period FROM saas.usage_records
) used
 WHERE period >= $1 AND period < $2 AND ($5 IS NULL OR tenant_id = $5) AND ($3 IS NULL OR tenant_id > $3)
 ORDER BY tenant_id, period
 FETCH FIRST $4 ROWS WITH TIES
