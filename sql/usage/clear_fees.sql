-- Fees of periods that are not closed are assessed anew: tenants $1, periods $2.
DELETE FROM saas.usage_fees f
 USING unnest($1::uuid[], $2::date[]) AS d (tenant_id, period)
 WHERE f.tenant_id = d.tenant_id AND f.period = d.period AND CASE WHEN f.closed_at IS NULL THEN true END -- as in close_usage.sql
