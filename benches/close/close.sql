SET client_min_messages = warning;
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, feature, 1000, 10 FROM saas.plans, unnest(ARRAY['api.call', 'project.create', 'storage.gb']) feature
 WHERE key = 'plus';
INSERT INTO saas.tenants (name) SELECT 'Tenant ' || i FROM generate_series(1, :tenants) i;
INSERT INTO saas.tenant_subscriptions (tenant_id, plan_id, status, anchor, current_period_start, current_period_end)
SELECT t.id, p.id, 'active', '2026-01-01Z', '2026-01-01', '2026-02-01' FROM saas.tenants t, saas.plans p WHERE p.key = 'plus';
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) SELECT id, 1000, 'Welcome', 'promo' FROM saas.tenants;
INSERT INTO saas.usage_counter_slots (tenant_id, feature_key, period, slot, units, last_at)
SELECT t.id, f.key, '2026-01-01', slot, 300, '2026-01-10Z' FROM saas.tenants t, saas.features f, generate_series(0, 3) slot;
VACUUM ANALYZE;
SELECT clock_timestamp() AS began \gset
CALL saas.close_period('2026-01-01');
SELECT format('%10s  %10s  %14s', :tenants, round(seconds, 1), round(1000 * seconds / :tenants, 2))
  FROM extract(epoch FROM clock_timestamp() - :'began'::timestamptz) AS seconds;
