-- The world that the examples of the functions' comments run in; the data owner makes it. Acme has been on the plan "pro"
-- for some months; of its invoices the first is paid, the second open, last month's a draft. Globex has no subscription.
\set QUIET 1
SELECT saas.create_user('alice@example.com', 'Alice') AS alice, saas.create_user('bob@example.com', 'Bob') AS bob,
       saas.create_user('carol@example.com', 'Carol') AS carol, saas.create_user('gina@example.com', 'Gina') AS gina,
       saas.create_user('root@example.com', 'Root') AS root, saas.create_user('sam@example.com', 'Sam') AS sam \gset
SELECT saas.create_tenant('Acme', :'alice') AS acme, saas.create_tenant('Globex', :'gina') AS globex \gset
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT :'acme', :'bob', id FROM saas.roles WHERE key = 'tenant_member';
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT a.user_id::uuid, r.id, :'root', 'the first ones'
  FROM (VALUES (:'root', 'platform_superadmin'), (:'sam', 'platform_support')) AS a (user_id, key) JOIN saas.roles r USING (key);

INSERT INTO saas.plans (key, name, base_price, currency, billing_interval, workspace_count)
VALUES ('pro', 'Pro', 2000, 'USD', 'monthly', 5);
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, 'project.create', 1000, 10 FROM saas.plans WHERE key = 'pro';
INSERT INTO saas.plan_add_ons (plan_id, key, name, price, most_quantity) SELECT id, 'support', 'Support', 500, 3 FROM saas.plans WHERE key = 'pro';
SELECT saas.subscribe(:'acme', 'pro', seats => 5, starts_at => date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '3 months') \g /dev/null
SELECT saas.grant_credit(:'acme', 1500, 'Welcome', 'promo', 'welcome') \g /dev/null
SELECT saas.record_usage(:'acme', 'project.create', 1200, 'last month', now() - interval '1 month') \g /dev/null
INSERT INTO saas.projects (tenant_id, title) VALUES (:'acme', 'Website');
SELECT saas.generate_invoice(:'acme', (now() - interval '3 months')::date) AS paid \gset
SELECT saas.generate_invoice(:'acme', (now() - interval '2 months')::date) AS invoice \gset
SELECT saas.generate_invoice(:'acme', (now() - interval '1 month')::date) AS draft \gset
SELECT saas.finalize_invoice(:'paid'), saas.finalize_invoice(:'invoice') \g /dev/null
UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = :'paid';

SELECT saas.credit_invoice(:'paid', 'Thank you for waiting', 50) AS credit_note \gset

SELECT saas.create_session(:'alice') AS alice_token, saas.create_session(:'root') AS root_token,
       saas.create_session(:'carol') AS carol_token,
       saas.create_session(:'alice', user_agent => 'the other one') \gset
SELECT id AS session FROM saas.sessions WHERE user_agent = 'the other one' \gset

-- A token of an issuer elsewhere, which lives until the end of the year 9999.
SELECT saas.import_jwks('https://login.example.com', '{"keys": [{"kty": "oct", "kid": "example", "k": "b25seSBmb3IgZXhhbXBsZXM6IDI1NiBiaXRzIG9yIHNv"}]}'),
       saas.link_account(:'alice', 'https://login.example.com', 'alice') \g /dev/null
UPDATE saas.settings SET request_claims_issuer = 'https://login.example.com';
\set alice_jwt 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUifQ.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUuY29tIiwic3ViIjoiYWxpY2UiLCJleHAiOjI1MzQwMjMwMDc5OX0.O1FUAawhhXepyHW5uTOXEQWyw3T7wGQOGYn3RgX4WbQ'

-- Sam opened a break-glass role, and an impersonation that waits for approval.
SELECT saas.define_platform_role('platform_emergency', ARRAY['platform.tenant.suspend'], is_break_glass => true) \g /dev/null
UPDATE saas.settings SET impersonation_approval = true;
BEGIN;
SELECT saas.begin_request_as(:'sam') \g /dev/null
SELECT saas.open_break_glass('platform_emergency', 'Globex is under attack') AS emergency,
       saas.start_impersonation(:'bob', :'acme', 'Ticket 7') AS impersonation \gset
COMMIT;
UPDATE saas.settings SET impersonation_approval = false;

-- Coupons, one of which Acme has taken.
SELECT saas.define_coupon('{"code": "WELCOME10", "percent": "10", "invoices": 1}'), saas.define_coupon('{"code": "LOYAL", "percent": "5"}'),
       saas.apply_coupon(:'acme', 'loyal') \g /dev/null
SELECT saas.add_webhook_secret('stripe', 'whsec_0123456789abcdef0123456789abcdef') \g /dev/null

-- A table of the application's own.
CREATE TABLE documents (tenant_id uuid, id uuid PRIMARY KEY DEFAULT saas.uuid_v7(), title text);
INSERT INTO documents (tenant_id, title) VALUES (:'acme', 'Ours'), (:'globex', 'Theirs');
