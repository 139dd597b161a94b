-- What was kept for long enough goes, by the registry and the settings; what a duty keeps stays.
\set ON_ERROR_ROLLBACK on
SET client_min_messages = warning;
CREATE FUNCTION settle() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WHILE (SELECT max(xid) FROM saas.platform_audit_logs) >= pg_snapshot_xmin(pg_current_snapshot()) LOOP
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$;
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app'), saas.grant_access('saas_worker', 'worker'), saas.grant_access('saas_admin', 'admin') \g /dev/null
SELECT saas.create_user('ann@example.com') AS ann, saas.create_user('root@example.com') AS root, saas.create_user('sam@example.com') AS sam \gset
SELECT saas.create_tenant('Acme', :'ann') AS acme \gset
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT a.u::uuid, r.id, :'root', 'The first' FROM (VALUES (:'root', 'platform_superadmin'), (:'sam', 'platform_support')) a (u, key) JOIN saas.roles r USING (key);
SELECT saas.create_session(:'root') AS root_token, saas.create_session(:'sam') AS sam_token \gset
INSERT INTO saas.sessions (user_id, token_hash, created_at, expires_at) VALUES
  (:'ann', sha256('old'), '2020-01-01Z', now() - interval '91 days'), (:'ann', sha256('young'), '2020-01-01Z', now() - interval '89 days');
INSERT INTO saas.tenant_invitations (tenant_id, email, role_id, token_hash, invited_by, created_at, expires_at)
SELECT :'acme', e.email, r.id, sha256(e.email::bytea), :'ann', '2020-01-01Z', e.at
  FROM saas.roles r, (VALUES ('old@example.com', now() - interval '367 days'), ('young@example.com', now() - interval '360 days')) e (email, at)
 WHERE r.key = 'tenant_guest';
INSERT INTO saas.outbox (topic, payload, delivered_at) VALUES ('mail', '{}', now() - interval '31 days'), ('mail', '{}', NULL);
-- An application's tables: one that a duty holds for longer, and notes that refer to calls and so go before them.
CREATE SCHEMA app;
CREATE TABLE app.calls (id integer PRIMARY KEY, user_id uuid, number text, invoiced text, made timestamptz);
CREATE TABLE app.notes (id integer PRIMARY KEY, call_id integer REFERENCES app.calls (id), user_id uuid, body text, made date);
CREATE TABLE app.orders (id integer PRIMARY KEY, user_id uuid, address text, phone text, made timestamptz);
SELECT saas.register_personal_data('app.calls', 'number', 'contact', 'Calls', 'contract', 'delete', 'user_id', retention => '1 year', time_column => 'made'),
       saas.register_personal_data('app.notes', 'body', 'contact', 'Calls', 'contract', 'delete', 'user_id', retention => '1 year', time_column => 'made'),
       saas.register_personal_data('app.orders', 'address', 'contact', 'Delivery', 'contract', 'delete', 'user_id', retention => '1 year', time_column => 'made'),
       saas.register_personal_data('app.orders', 'user_id', 'identifier', 'Accounts', 'legal_obligation', 'keep', 'user_id', retention => '10 years', time_column => 'made', duty => 'Tax law'),
       saas.register_personal_data('app.orders', 'phone', 'contact', 'Delivery', 'contract', 'anonymize', 'user_id', retention => '30 days', time_column => 'made', replacement => '-') \g /dev/null
INSERT INTO app.calls VALUES (1, :'ann', '+1', NULL, now() - interval '2 years'), (2, :'ann', '+2', NULL, now());
INSERT INTO app.notes VALUES (1, 1, :'ann', 'x', (now() - interval '2 years')::date), (2, 2, :'ann', 'y', now()::date);
INSERT INTO app.orders VALUES (1, :'ann', 'here', '+1', now() - interval '11 years'), (2, :'ann', 'there', '+1', now() - interval '2 years'), (3, :'ann', 'home', '+1', now());

-- Who may, and by which moments.
\set VERBOSITY terse
SET SESSION AUTHORIZATION saas_app;
SELECT saas.apply_retention();
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION saas_admin;
SELECT saas.apply_retention();
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SELECT saas.begin_request(:'sam_token') = :'sam' AS sam;
SELECT saas.apply_retention();
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.apply_retention(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT saas.apply_retention(now() + interval '1 day');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.apply_retention('infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT saas.apply_retention('2000-01-01');
-- A session, an invitation, a message, a note, a call, an order, and the number of another.
SELECT saas.apply_retention(), saas.apply_retention() AS again;
SET SESSION AUTHORIZATION saas_owner;
SELECT token_hash = sha256('young') AS young FROM saas.sessions WHERE user_id = :'ann';
SELECT email FROM saas.tenant_invitations;
SELECT delivered_at IS NULL AS pending FROM saas.outbox;
SELECT id FROM app.calls;
SELECT id FROM app.notes;
SELECT id, address, phone FROM app.orders ORDER BY id;
SELECT action, reason FROM saas.platform_audit_logs WHERE reason = 'retention' ORDER BY id;
-- A moment to come is the data owner's, for tests of time.
BEGIN;
SELECT saas.apply_retention(now() + interval '9 years') > 0 AS removed, (SELECT array_agg(id ORDER BY id) FROM app.orders) AS before;
SELECT array_agg(id ORDER BY id) AS orders FROM app.orders;
ROLLBACK;
-- Half an answer looks like a whole one.
ALTER TABLE app.calls DROP COLUMN made;
SELECT saas.apply_retention();
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE app.calls ADD made timestamptz;
-- Within his own rights a person with platform.system.configure may too.
SET SESSION AUTHORIZATION saas_admin;
BEGIN;
SELECT saas.begin_request(:'root_token') = :'root' AS root;
SELECT saas.apply_retention();
SELECT saas.apply_retention(now() + interval '1 day');
\echo :LAST_ERROR_SQLSTATE
COMMIT;

-- The audit log: whole months, sealed as a whole. A row of long ago, as it would have been written then.
SET SESSION AUTHORIZATION DEFAULT;
CREATE TABLE saas.platform_audit_logs_202001 PARTITION OF saas.platform_audit_logs FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z');
ALTER TABLE saas.platform_audit_logs_202001 OWNER TO saas_owner;
SELECT saas.make_partitions() AS made;
SET session_replication_role = replica;
CREATE TABLE public.old AS SELECT l.* FROM saas.platform_audit_logs l WHERE action = 'tenants.insert' LIMIT 1;
UPDATE public.old SET id = saas.uuid_v7(), occurred_at = '2020-01-10Z', action = 'test', target_type = 'test', xid = pg_current_xact_id();
INSERT INTO saas.platform_audit_logs
SELECT o.id, o.occurred_at, o.xid, o.epoch, o.actor_type, o.actor_id, o.database_role, o.on_behalf_of, o.impersonation_id, o.session_id, o.request_id, o.tenant_id,
       o.action, o.target_type, o.target_id, o.outcome, o.reason, o.ip_address, o.user_agent, o.old_values, o.new_values,
       saas.audit_hash(ARRAY[uuid_send(o.id), timestamptz_send(o.occurred_at), xid8send(o.xid), o.epoch::bytea, o.actor_type::bytea, uuid_send(o.actor_id),
         o.database_role::bytea, uuid_send(o.on_behalf_of), uuid_send(o.impersonation_id), uuid_send(o.session_id), uuid_send(o.request_id), uuid_send(o.tenant_id),
         o.action::bytea, o.target_type::bytea, o.target_id::bytea, o.outcome::bytea, o.reason::bytea, inet_send(o.ip_address), o.user_agent::bytea,
         convert_to(o.old_values::text, 'UTF8'), convert_to(o.new_values::text, 'UTF8')])
  FROM public.old o;
RESET session_replication_role;
SET SESSION AUTHORIZATION saas_owner;
SELECT * FROM saas.verify_audit_log();
-- Nothing by default, and less than a year is no retention.
SELECT saas.apply_retention();
UPDATE saas.settings SET audit_retention = '11 months';
\echo :LAST_ERROR_SQLSTATE
UPDATE saas.settings SET audit_retention = '2 years';
-- It is not sealed.
SELECT saas.apply_retention();
SELECT count(*) FROM saas.platform_audit_logs WHERE occurred_at < '2020-02-01Z';
RESET SESSION AUTHORIZATION;
SELECT settle();
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.seal_audit_log() AS seal;
-- A moment long ago, at which it was not old enough.
SELECT saas.apply_retention('2021-12-31');
SELECT saas.apply_retention(), saas.apply_retention() AS again;
SET SESSION AUTHORIZATION saas_owner;
SELECT to_regclass('saas.platform_audit_logs_202001'), (SELECT count(*) FROM saas.platform_audit_logs WHERE occurred_at < '2020-02-01Z');
SELECT period_start, period_end, row_count FROM saas.audit_retirements;
SELECT action FROM saas.platform_audit_logs WHERE target_type = 'audit_retirements';
SELECT * FROM saas.verify_audit_log();
SELECT * FROM saas.check_invariants();
-- The months to come are there.
DROP TABLE saas.usage_events_default;
SELECT saas.apply_retention(), to_regclass('saas.usage_events_default');
SELECT to_regclass('saas.usage_events_' || to_char(now() AT TIME ZONE 'UTC' + interval '3 months', 'YYYYMM')) IS NOT NULL AS ahead;
