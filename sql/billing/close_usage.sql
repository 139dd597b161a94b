-- What the periods ($2) of tenants ($1) were billed by is final. Whether a row is closed is asked by CASE, which the planner
-- can't estimate: by the statistics of months past none is open, and it would compare each open one with each of the batch.
WITH due AS (
  SELECT tenant_id, period FROM unnest($1::uuid[], $2::date[]) AS d (tenant_id, period)
), fees AS (
  UPDATE saas.usage_fees f SET closed_at = now() FROM due d
   WHERE f.tenant_id = d.tenant_id AND f.period = d.period AND CASE WHEN f.closed_at IS NULL THEN true END
)
UPDATE saas.usage_summaries s SET closed_at = now() FROM due d
 WHERE s.tenant_id = d.tenant_id AND s.period = d.period AND CASE WHEN s.closed_at IS NULL THEN true END
