-- Waits for whoever is in the gate $2 of tenant $1; he who waited sees, in his next statement, what the other did.
INSERT INTO saas.usage_gates AS g (tenant_id, gate) VALUES ($1, $2)
ON CONFLICT (tenant_id, gate) DO UPDATE SET passed = g.passed + 1
