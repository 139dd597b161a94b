-- A payment provider's key belongs to one tenant.
SET SESSION AUTHORIZATION saas_owner;
INSERT INTO saas.tenants (name) VALUES ('Acme') RETURNING id AS acme \gset
INSERT INTO saas.tenants (name) VALUES ('Globex') RETURNING id AS globex \gset
CREATE VIEW keys AS
SELECT t.name, k.provider, k.kind, k.provider_key FROM saas.provider_keys k JOIN saas.tenants t ON t.id = k.tenant_id
 ORDER BY t.name, k.kind, k.provider_key;

-- Plain DML registers keys.
INSERT INTO saas.payment_customers (tenant_id, provider, provider_customer_id) VALUES (:'acme', 'stripe', 'cus_1');
INSERT INTO saas.payment_customers (tenant_id, provider, provider_customer_id) VALUES (:'globex', 'stripe', 'cus_1');
TABLE keys;

-- So do the functions; the same again is nothing new, another customer takes the row's place.
SELECT saas.link_provider_customer(:'acme', 'stripe', 'cus_1');
SELECT saas.link_provider_customer(:'acme', 'stripe', 'cus_3');
SELECT saas.link_provider_customer(:'globex', 'stripe', 'cus_1');
SELECT provider, provider_customer_id FROM saas.payment_customers;
TABLE keys;
SELECT saas.link_provider_subscription(:'acme', 'stripe', 'sub_1');
SELECT saas.link_provider_customer('00000000-0000-0000-0000-000000000001', 'stripe', 'cus_9');
SELECT saas.link_provider_customer(NULL, 'stripe', 'cus_9');
SELECT saas.link_provider_customer(:'acme', 'no provider', 'cus_9');

-- Payments that don't recur.
SELECT saas.record_one_time_payment(:'acme', 'stripe', 'pi_1', 5000, 'usd', 'topup') AS payment \gset
SELECT saas.record_one_time_payment(:'acme', 'stripe', 'pi_1', 5000, 'usd', 'topup') = :'payment' AS same;
SELECT saas.record_one_time_payment(:'acme', 'stripe', 'pi_1', 5001, 'usd', 'topup');
SELECT saas.record_one_time_payment(:'globex', 'stripe', 'pi_1', 5000, 'usd', 'topup');
SELECT saas.record_one_time_payment(:'acme', 'stripe', 'pi_2', -1, 'usd', 'topup');
SELECT saas.record_one_time_payment(:'acme', 'stripe', 'pi_2', 1, 'usd', 'gift');
SELECT saas.record_one_time_payment(:'acme', 'stripe', 'pi_2', 1, 'xxx', 'topup');
SELECT provider_payment_id, amount, currency, status, reason FROM saas.payment_one_times;
