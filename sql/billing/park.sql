INSERT INTO saas.close_parked AS k (tenant_id, subscription_id, period, sqlstate, error, parked_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp())
ON CONFLICT (tenant_id, subscription_id, period) DO UPDATE
   SET sqlstate = excluded.sqlstate, error = excluded.error, attempts = k.attempts + 1, parked_at = excluded.parked_at
