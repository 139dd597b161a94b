-- A tenant with 10,000 usage events of this month, in three features with a price; and the plain query over the events.
SET client_min_messages = warning;
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('bench', 'Bench', 2000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT p.id, 'feature ' || f, 1000, 0.5 FROM saas.plans p, generate_series(1, 3) f WHERE p.key = 'bench';
INSERT INTO saas.tenants (id, name) VALUES ('00000000-0000-7000-8000-0000000000aa', 'Used');
SELECT saas.subscribe('00000000-0000-7000-8000-0000000000aa', 'bench', 1, date_trunc('month', now())) \g /dev/null
SELECT count(saas.record_usage('00000000-0000-7000-8000-0000000000aa', 'feature ' || 1 + n % 3, 1 + n % 7, 'event ' || n)) FROM generate_series(1, 10000) n \g /dev/null
CREATE TABLE public.events (tenant_id uuid NOT NULL, feature_key text NOT NULL, units bigint NOT NULL, occurred_at timestamptz NOT NULL);
CREATE INDEX ON public.events (tenant_id, occurred_at);
INSERT INTO public.events
SELECT '00000000-0000-7000-8000-0000000000aa', 'feature ' || 1 + n % 3, 1 + n % 7, now() FROM generate_series(1, 10000) n;
VACUUM ANALYZE;
