-- A plan is what its definition says, in versions.
SET SESSION AUTHORIZATION saas_owner;
CREATE VIEW plan AS
SELECT key, version, is_current AS current, base_price AS base, seat_price AS seat, member_seat AS seats, name,
       (SELECT string_agg(concat_ws(' ', f.feature_key, f.currency, f.included_units, f.overage_price, f.price_model), ', ' ORDER BY f.feature_key, f.currency NULLS FIRST)
          FROM saas.plan_features f WHERE f.plan_id = p.id) AS features,
       (SELECT string_agg(concat_ws(' ', x.currency, x.base_price, x.setup_fee), ', ' ORDER BY x.currency) FROM saas.plan_prices x WHERE x.plan_id = p.id) AS prices
  FROM saas.plans p WHERE key <> 'free' ORDER BY key, version;

\set team '{"key": "team", "base_price": 5000, "seat_price": 700, "features": [{"feature_key": "call", "included_units": 10, "overage_price": "0.50"}, {"feature_key": "call", "currency": "EUR", "overage_price": "0.4"}], "prices": [{"currency": "EUR", "base_price": 4500, "setup_fee": 9}]}'
SELECT saas.define_plan(:'team') AS first \gset
-- The same, also in other words, is the same.
SELECT saas.define_plan(:'team') = :'first' AS again,
       saas.define_plan('{"prices": [{"setup_fee": 9, "base_price": 4500, "currency": "EUR"}], "seat_price": 700, "name": "team", "currency": "USD",
                          "features": [{"feature_key": "call", "currency": "EUR", "overage_price": "0.4"}, {"overage_price": "0.5", "feature_key": "call", "included_units": 10}],
                          "key": "team", "base_price": 5000}') = :'first' AS in_other_words;
SELECT * FROM plan;

-- Names and limits change under those who have it; prices and what is included don't.
INSERT INTO saas.tenants (name) VALUES ('Acme') RETURNING id AS acme \gset
SELECT saas.subscribe(:'acme', 'team') \g /dev/null
SELECT saas.define_plan(:'team'::jsonb || '{"name": "Team", "member_seat": 20, "trial_days": 14, "is_active": false}') = :'first' AS in_place;
SELECT * FROM plan;
SELECT saas.subscribe(:'acme', 'team');
SELECT saas.define_plan(:'team'::jsonb || '{"name": "Team", "seat_price": 800}') AS second \gset
SELECT saas.define_plan(:'team'::jsonb || '{"name": "Team", "seat_price": 800, "features": [{"feature_key": "call", "price_model": {"model": "package", "package_size": 10, "amount": "10000", "free_units": 5}}]}') AS third \gset
SELECT * FROM plan;
SELECT p.version FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id;
-- Back again is forth: the versions are what was sold when.
SELECT saas.define_plan(:'team') NOT IN (:'first', :'second', :'third') AS another;
SELECT max(version) FROM saas.plans WHERE key = 'team';

-- What is offered beside it is a term, too.
SELECT saas.define_plan('{"key": "more", "base_price": 1, "add_ons": [{"key": "env", "name": "Environment", "price": 500}, {"key": "env", "currency": "EUR", "price": 450, "most": 2}]}') AS more \gset
SELECT saas.define_plan('{"add_ons": [{"currency": "EUR", "key": "env", "most": 2, "price": 450}, {"price": 500, "name": "Environment", "key": "env", "currency": "USD"}], "key": "more", "base_price": 1}') = :'more' AS same,
       saas.define_plan('{"key": "more", "base_price": 1, "add_ons": [{"key": "env", "name": "Environment", "price": 600}, {"key": "env", "currency": "EUR", "price": 450, "most": 2}]}') = :'more' AS dearer;
SELECT p.version, a.key, a.name, a.currency, a.price, a.most_quantity
  FROM saas.plan_add_ons a JOIN saas.plans p ON p.id = a.plan_id WHERE p.key = 'more' ORDER BY p.version, a.key, a.currency NULLS FIRST;
SELECT saas.define_plan('{"key": "more", "base_price": 1, "add_ons": [{"key": "env", "currency": "XXX", "price": 1}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.define_plan('{"key": "more", "base_price": 1}') IS NOT NULL AS without;
SELECT count(*) FROM saas.plan_add_ons a JOIN saas.plans p ON p.id = a.plan_id WHERE p.key = 'more' AND p.is_current;

-- For one tenant only.
SELECT saas.define_plan(jsonb_build_object('key', 'acme', 'base_price', 1, 'tenant_id', :'acme')) IS NOT NULL AS made;
SELECT is_custom, tenant_id = :'acme' AS for_acme FROM saas.plans WHERE key = 'acme';
INSERT INTO saas.tenants (name) VALUES ('Globex') RETURNING id AS globex \gset
SELECT saas.subscribe(:'globex', 'acme');
\echo :LAST_ERROR_SQLSTATE
-- The seeded one, which has no new version for more room.
SELECT saas.define_plan('{"key": "free", "name": "Free", "base_price": 0, "workspace_count": 3}') = id AS in_place, version FROM saas.plans WHERE key = 'free';

-- Refused whole.
SELECT saas.define_plan('{"key": "x", "base_price": 1, "seats_price": 2}');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.define_plan('{"key": "x", "base_price": 1.5}');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.define_plan('{"key": "x", "base_price": 1, "features": [{"feature_key": "call", "price_model": {"model": "volume", "tiers": [{"up_to": 5, "unit_price": "1"}]}}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.define_plan('{"key": "x", "base_price": 1, "features": [{"feature_key": "call", "aggregation": "max"}]}');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.define_plan('{"key": "x", "base_price": 1, "currency": "XXX"}');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.define_plan('{"key": "x", "base_price": 1, "tenant_id": "00000000-0000-0000-0000-000000000000"}');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.define_plan('[]');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.define_plan(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM saas.plans WHERE key = 'x';

-- By whom: platform.plan.manage.
SELECT saas.grant_access('saas_admin', 'admin');
SELECT saas.create_user('pam@example.com') AS pam, saas.create_user('sam@example.com') AS sam \gset
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT u.user_id::uuid, r.id, :'pam', 'test' FROM (VALUES (:'pam', 'platform_admin'), (:'sam', 'platform_support')) AS u (user_id, key) JOIN saas.roles r USING (key);
SELECT saas.create_session(:'pam') AS pam_token, saas.create_session(:'sam') AS sam_token \gset
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.define_plan(:'team');
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT saas.begin_request(:'sam_token') IS NOT NULL AS begun;
SELECT saas.define_plan(:'team');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'pam_token') IS NOT NULL AS begun;
SELECT saas.define_plan('{"key": "pam", "base_price": 1, "features": [{"feature_key": "call"}], "prices": [{"currency": "EUR", "base_price": 1}]}') IS NOT NULL AS made;
SELECT saas.define_plan('{"key": "pam", "base_price": 2}') IS NOT NULL AS changed;
COMMIT;
SET SESSION AUTHORIZATION saas_owner;
SELECT * FROM saas.check_invariants();
