-- Why, and why not. Ids end in a1 (ann, owner), a2 (bob, guest), a3 (cid, elsewhere), a4 (sam, support), a5 (sec, sees logs only).
\set acme '00000000-0000-7000-8000-000000000001'
\set globex '00000000-0000-7000-8000-000000000002'
\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000a2'
\set cid '00000000-0000-7000-8000-0000000000a3'
\set sam '00000000-0000-7000-8000-0000000000a4'
\set sec '00000000-0000-7000-8000-0000000000a5'
\set nowhere '00000000-0000-7000-8000-000000000009'
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_admin', 'admin'), saas.grant_access('saas_gateway', 'gateway') \g /dev/null
INSERT INTO saas.users (id, email) VALUES (:'ann', 'ann@example.com'), (:'bob', 'bob@example.com'), (:'cid', 'cid@example.com'),
  (:'sam', 'sam@example.com'), (:'sec', 'sec@example.com');
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme'), (:'globex', 'Globex');
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id, member_type, created_at)
SELECT v.tenant::uuid, v.person::uuid, r.id, v.type, '2026-01-01'
  FROM (VALUES (:'acme', :'ann', 'tenant_owner', 'member'), (:'globex', :'ann', 'tenant_guest', 'guest'),
               (:'acme', :'bob', 'tenant_guest', 'guest'), (:'globex', :'cid', 'tenant_owner', 'member')) v (tenant, person, role, type)
  JOIN saas.roles r ON r.key = v.role;
SELECT saas.define_platform_role('platform_security', ARRAY['platform.security.view']) IS NOT NULL AS defined;
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason, assigned_at)
SELECT v.person::uuid, r.id, :'sam', v.reason, '2026-01-01'
  FROM (VALUES (:'sam', 'platform_support', 'On call'), (:'sec', 'platform_security', 'Watches')) v (person, role, reason)
  JOIN saas.roles r ON r.key = v.role;
SELECT saas.create_session(:'ann') AS ann_token, saas.create_session(:'bob') AS bob_token, saas.create_session(:'sam') AS sam_token,
       saas.create_session(:'sec') AS sec_token \gset
-- What differs from run to run is left out.
CREATE FUNCTION public.told(jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT regexp_replace(regexp_replace(jsonb_pretty($1), '("(id|role_id|permission_id)": )"[^"]*"', '\1"…"', 'g'), '2\d{3}-\d\d-\d\d(T| )[^ .",]*\.\d+[^ ",.;]*', '<now>', 'g')
$$;
CREATE FUNCTION public.why(jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT ($1 ->> 'allowed') || ' ' || ($1 ->> 'reason') || ': '
         || regexp_replace($1 ->> 'explanation', '2\d{3}-\d\d-\d\dT[^ ",]*\.\d+[^ ",.;]*', '<now>', 'g')
$$;
SET SESSION AUTHORIZATION saas_app;
SELECT saas.explain_permission(:'ann', :'acme', 'tenant.read');
SELECT saas.explain_system_permission(:'ann', 'platform.tenant.read');
BEGIN;
SELECT saas.begin_request(:'ann_token') \g /dev/null
SELECT public.told(saas.explain_permission(:'ann', :'acme', 'billing.manage'));
SELECT public.told(saas.explain_permission(:'ann', :'globex', 'billing.view'));
SELECT saas.explain_permission_text(:'ann', :'globex', 'billing.view');
-- A tenant of others, one that does not exist: no difference.
SELECT public.why(saas.explain_permission(:'ann', :'nowhere', 'tenant.read'));
SELECT public.told(saas.explain_system_permission(:'ann', 'platform.user.impersonate'));
SELECT saas.explain_system_permission_text(:'ann', 'platform.user.impersonate');
SAVEPOINT s;
SELECT saas.explain_system_permission_text(:'sam', 'platform.tenant.read');
ROLLBACK TO s;
SELECT saas.explain_permission(:'bob', :'acme', 'tenant.read');
ROLLBACK TO s;
SELECT saas.explain_permission(:'nowhere', :'acme', 'tenant.read');
ROLLBACK TO s;
SELECT saas.explain_system_permission(:'sam', 'platform.tenant.read');
ROLLBACK TO s;
SELECT saas.explain_permission(:'ann', :'acme', 'tenant.reed');
ROLLBACK TO s;
SELECT saas.explain_permission(NULL, :'acme', 'tenant.read');
ROLLBACK TO s;
SELECT saas.explain_permission(:'ann', NULL, 'tenant.read');
ROLLBACK TO s;
SELECT saas.explain_permission(:'ann', :'acme', NULL);
ROLLBACK;
-- Bound to one tenant.
BEGIN;
SELECT saas.begin_request(:'ann_token', :'acme') \g /dev/null
SELECT public.why(saas.explain_permission(:'ann', t::uuid, 'tenant.read')) FROM unnest(ARRAY[:'acme', :'globex', :'nowhere']) t;
ROLLBACK;
-- Someone who may ask about everybody and see all tenants, and someone who may only ask.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SELECT public.why(saas.explain_permission(u::uuid, t::uuid, 'project.create'))
  FROM (VALUES (:'bob', :'acme'), (:'cid', :'acme'), (:'cid', :'nowhere'), (:'nowhere', :'acme')) v (u, t);
SELECT public.told(saas.explain_system_permission(:'sam', 'platform.tenant.read'));
SELECT public.why(saas.explain_system_permission(:'nowhere', 'platform.tenant.read'));
ROLLBACK;
BEGIN;
SELECT saas.begin_request(:'sec_token') \g /dev/null
SELECT public.why(saas.explain_permission(u::uuid, t::uuid, 'project.create'))
  FROM (VALUES (:'bob', :'acme'), (:'cid', :'acme'), (:'cid', :'nowhere'), (:'nowhere', :'acme')) v (u, t);
SELECT public.why(saas.explain_system_permission(:'nowhere', 'platform.tenant.read'));
ROLLBACK;
-- What an API key is told of its user.
SET SESSION AUTHORIZATION saas_owner;
INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash)
SELECT :'acme', :'ann', id, 'CI', 'saas_key_', sha256(('saas_key_' || :'acme' || '_secret')::bytea) FROM saas.roles WHERE key = 'tenant_guest';
SET SESSION AUTHORIZATION saas_app;
BEGIN;
SELECT saas.begin_request('saas_key_' || :'acme' || '_secret') \g /dev/null
SELECT public.why(saas.explain_permission(:'ann', :'acme', p)) FROM unnest(ARRAY['tenant.read', 'billing.manage']) p;
SELECT public.told(saas.explain_system_permission(:'ann', 'platform.tenant.read'));
ROLLBACK;
-- What an impersonation is told: nothing of the target's platform side, and when it is over.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'sam_token') \g /dev/null
SELECT saas.start_impersonation(:'bob', :'acme', 'Ticket 1') AS impersonation \gset
COMMIT;
BEGIN;
SELECT saas.begin_request(:'sam_token', impersonation_id => :'impersonation') \g /dev/null
SELECT public.told(saas.explain_permission(:'bob', :'acme', 'tenant.read'));
SELECT public.told(saas.explain_system_permission(:'bob', 'platform.tenant.read'));
SAVEPOINT s;
SELECT saas.explain_permission(:'sam', :'acme', 'tenant.read');
ROLLBACK TO s;
SET LOCAL SESSION AUTHORIZATION saas_owner;
UPDATE saas.impersonation_sessions SET ended_at = now();
SET LOCAL SESSION AUTHORIZATION saas_admin;
SELECT regexp_replace(public.why(saas.explain_permission(:'bob', :'acme', 'tenant.read')), 'impersonation \S+,', 'impersonation …,') AS why;
ROLLBACK;
-- Suspended, deleted; expired, revoked, lacking.
SET SESSION AUTHORIZATION saas_owner;
UPDATE saas.tenants SET suspended_at = '2026-02-01' WHERE id = :'acme';
UPDATE saas.tenants SET deleted_at = '2026-02-02' WHERE id = :'globex';
SELECT public.why(saas.explain_permission(:'ann', t::uuid, 'tenant.read')) FROM unnest(ARRAY[:'acme', :'globex']) t;
UPDATE saas.users SET deleted_at = '2026-02-03' WHERE id = :'bob';
SELECT public.why(saas.explain_permission(:'bob', :'acme', 'tenant.read'));
SELECT public.why(saas.explain_system_permission(:'bob', 'platform.tenant.read'));
SELECT public.why(saas.explain_system_permission(:'sam', 'platform.system.configure'));
UPDATE saas.system_role_assignments SET expires_at = '2026-03-01' WHERE assigned_user_id = :'sam';
SELECT public.why(saas.explain_system_permission(:'sam', 'platform.tenant.read'));
UPDATE saas.system_role_assignments SET revoked_at = '2026-02-04', revoked_by = :'sec', revoke_reason = 'Left' WHERE assigned_user_id = :'sam';
SELECT public.told(saas.explain_system_permission(:'sam', 'platform.tenant.read'));
SELECT public.why(saas.explain_system_permission(:'sam', 'platform.system.configure'));
