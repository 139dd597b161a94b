-- Tenants with three months to close, credits to spend, and usage that writers go on adding to.
UPDATE saas.settings SET usage_id_retention = '100 years';
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, feature, 10, 3 FROM saas.plans, unnest(ARRAY['call', 'mail']) feature WHERE key = 'plus';
INSERT INTO saas.tenants (id, name) SELECT format('00000000-0000-7000-8000-%s', lpad(i::text, 12, '0'))::uuid, 'Tenant ' || i FROM generate_series(1, :tenants) i;
SELECT saas.subscribe(id, 'plus', starts_at => '2026-01-01Z'), saas.grant_credit(id, 4500, 'Welcome', 'promo') FROM saas.tenants \g /dev/null
SELECT saas.record_usage_batch(array_agg(id), array_agg('call'::text), array_agg(100::bigint), NULL, array_agg(timestamptz '2026-01-10Z')) FROM saas.tenants \g /dev/null
