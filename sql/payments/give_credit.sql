INSERT INTO saas.tenant_credit_ledger (tenant_id, id, delta, reason, source, idempotency_key)
VALUES ($1, saas.uuid_v7(), $2, 'Top-up purchase', 'billing', $3)
ON CONFLICT (tenant_id, idempotency_key) DO NOTHING
