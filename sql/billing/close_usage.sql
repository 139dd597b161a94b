-- What the periods ($2) of tenants ($1) were billed by is final.
WITH due AS (
  SELECT tenant_id, period FROM unnest($1::uuid[], $2::date[]) AS d (tenant_id, period)
), fees AS (
  UPDATE saas.usage_fees f SET closed_at = now() FROM due d
   WHERE f.tenant_id = d.tenant_id AND f.period = d.period AND f.closed_at IS NULL
)
UPDATE saas.usage_summaries s SET closed_at = now() FROM due d
 WHERE s.tenant_id = d.tenant_id AND s.period = d.period AND s.closed_at IS NULL
