\echo '=== 2. Plans, workspaces and their subscriptions (02_workspaces.sql)'

-- Plans are rows. Money is in minor units: 2000 is 20.00 USD, 3000 is 3000 JPY.
INSERT INTO saas.plans (key, name, base_price, seat_price, included_seats, currency, billing_interval) VALUES
  ('plus',  'Plus',  2000,   0, 1, 'USD', 'monthly'),
  ('team',  'Team',  1000, 800, 3, 'USD', 'monthly'),
  ('scale', 'Scale', 9900,   0, 1, 'USD', 'monthly');

INSERT INTO saas.plan_prices (plan_id, currency, base_price)
SELECT id, 'JPY', 3000 FROM saas.plans WHERE key = 'plus';

INSERT INTO saas.plan_features (plan_id, currency, feature_key, included_units, overage_price, price_model)
SELECT p.id, f.currency, f.feature_key, f.included_units, f.overage_price, f.price_model::jsonb
  FROM (VALUES
    ('plus',  NULL,  'project.create', 1000, 10,   NULL),
    ('plus',  'JPY', 'project.create', 1000, 15,   NULL),
    ('team',  NULL,  'project.create', 500,  12,   NULL),
    ('scale', NULL,  'project.create', 50,   2.5,  NULL),
    ('scale', NULL,  'api.call',       5000, NULL, '{"model": "graduated", "tiers": [
        {"up_to": 10000, "unit_amount": "0.5"},
        {"up_to": null, "unit_amount": "0.25", "flat_amount": "100"}]}')
  ) AS f (plan_key, currency, feature_key, included_units, overage_price, price_model)
  JOIN saas.plans p ON p.key = f.plan_key;

-- This is a story of January and February 2026, whenever it is told.
UPDATE saas.settings SET usage_id_retention = '100 years';

CREATE TEMP TABLE workspace (
  tenant text, owner text, time_zone text, currency text, plan text, seats integer, starts_on date, customer text,
  tenant_id uuid
);
\copy workspace (tenant, owner, time_zone, currency, plan, seats, starts_on, customer) FROM 'tenants.csv' CSV HEADER

-- The owner of the data needs nobody's permission: this is how one brings along what was there before.
UPDATE workspace SET tenant_id = saas.create_tenant(tenant, saas.create_user(owner));
UPDATE saas.tenants t SET time_zone = w.time_zone, currency = w.currency FROM workspace w WHERE t.id = w.tenant_id;

SELECT saas.subscribe(tenant_id, plan, seats, starts_at => starts_on::timestamp AT TIME ZONE time_zone),
       saas.link_provider_customer(tenant_id, 'stripe', customer),
       saas.link_provider_subscription(tenant_id, 'stripe', replace(customer, 'cus_', 'sub_'))
  FROM workspace
 WHERE starts_on IS NOT NULL
\g /dev/null

-- Mia is a member of Acme. Olga works for the platform and belongs to no workspace.
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT w.tenant_id, saas.create_user('mia@acme.example', 'Mia'), r.id
  FROM workspace w, saas.roles r
 WHERE w.tenant = 'Acme' AND r.key = 'tenant_member';

INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT olga, r.id, olga, 'Runs billing'
  FROM saas.create_user('olga@platform.example', 'Olga') AS olga, saas.roles r
 WHERE r.key = 'platform_admin';

SELECT tenant AS workspace, owner, time_zone, plan, currency, seats, starts_on FROM workspace ORDER BY tenant;
\echo 'Plus is 20.00 USD a month with 1000 projects, and 0.10 for each beyond; months are those of the time zone.'
\echo
