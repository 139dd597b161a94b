INSERT INTO saas.plans (name, key, base_price, currency, billing_interval)
SELECT 'Free', 'free', 0, s.currency, 'monthly' FROM saas.settings s
ON CONFLICT DO NOTHING;

INSERT INTO saas.issuers (key, name)
VALUES ('default', 'Set me: saas.set_issuer')
ON CONFLICT (key) DO NOTHING;
