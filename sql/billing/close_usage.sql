-- What the periods ($2) of tenants ($1) were billed by is final: what no counter stands for as well, which summarize.sql did not
-- come by. Whether a row is closed is asked by CASE, which the planner can't estimate: by the statistics of months past none is
-- open, and it would compare each open one with each of the batch.
UPDATE saas.usage_summaries s SET closed_at = now()
  FROM unnest($1::uuid[], $2::date[]) AS d (tenant_id, period)
 WHERE s.tenant_id = d.tenant_id AND s.period = d.period AND CASE WHEN s.closed_at IS NULL THEN true END
