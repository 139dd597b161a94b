INSERT INTO saas.payment_customers AS c (tenant_id, id, provider, provider_customer_id)
VALUES ($1, saas.uuid_v7(), $2, $3)
ON CONFLICT (tenant_id, provider) DO UPDATE SET provider_customer_id = excluded.provider_customer_id
 WHERE c.provider_customer_id <> excluded.provider_customer_id
