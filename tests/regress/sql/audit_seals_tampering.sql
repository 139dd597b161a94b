-- What a superuser does to the log with its triggers off is found. (As a superuser.)
\set VERBOSITY terse
-- Transactions of other databases of the server hold a seal back too: wait for them.
CREATE FUNCTION settle() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WHILE (SELECT max(xid) FROM saas.platform_audit_logs) >= pg_snapshot_xmin(pg_current_snapshot()) LOOP
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$;
INSERT INTO saas.users (id, email) SELECT format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid, n || '@example.com' FROM generate_series(1, 3) n;
SELECT settle();
SELECT saas.seal_audit_log();
INSERT INTO saas.users (id, email) SELECT format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid, n || '@example.com' FROM generate_series(4, 6) n;
SELECT settle();
SELECT saas.seal_audit_log();
INSERT INTO saas.users (id, email) VALUES ('00000000-0000-7000-8000-000000000007', '7@example.com');
SELECT * FROM saas.verify_audit_log();
-- Ids differ from run to run.
CREATE FUNCTION found() RETURNS TABLE (seal bigint, problem text) LANGUAGE sql AS $$
  SELECT v.seal, regexp_replace(v.problem, '[0-9a-f-]{36}', 'N') FROM saas.verify_audit_log() v
$$;
CREATE FUNCTION switch(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE saas.platform_audit_logs %s TRIGGER ALL', what);
  EXECUTE format('ALTER TABLE saas.platform_audit_logs_%s %s TRIGGER ALL', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'), what);
  EXECUTE format('ALTER TABLE saas.audit_seals %s TRIGGER ALL', what);
  EXECUTE format('ALTER TABLE saas.audit_seal_rows %s TRIGGER ALL', what);
END $$;
CREATE FUNCTION hash_of(l saas.platform_audit_logs) RETURNS bytea LANGUAGE sql AS $$
  SELECT saas.audit_hash(ARRAY[uuid_send(l.id), timestamptz_send(l.occurred_at), xid8send(l.xid), l.epoch::bytea, l.actor_type::bytea, uuid_send(l.actor_id),
    l.database_role::bytea, uuid_send(l.on_behalf_of), uuid_send(l.impersonation_id), uuid_send(l.session_id), uuid_send(l.request_id), uuid_send(l.tenant_id),
    l.action::bytea, l.target_type::bytea, l.target_id::bytea, l.outcome::bytea, l.reason::bytea, inet_send(l.ip_address), l.user_agent::bytea,
    convert_to(l.old_values::text, 'UTF8'), convert_to(l.new_values::text, 'UTF8')])
$$;
CREATE FUNCTION forge(changes text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CREATE TEMP TABLE IF NOT EXISTS forged (LIKE saas.platform_audit_logs) ON COMMIT DELETE ROWS;
  INSERT INTO forged SELECT * FROM saas.platform_audit_logs WHERE id = row_of(2);
  EXECUTE format('UPDATE forged SET id = saas.uuid_v7(), %s', changes);
  INSERT INTO saas.platform_audit_logs SELECT f.id, f.occurred_at, f.xid, f.epoch, f.actor_type, f.actor_id, f.database_role, f.on_behalf_of, f.impersonation_id,
    f.session_id, f.request_id, f.tenant_id, f.action, f.target_type, f.target_id, f.outcome, f.reason, f.ip_address, f.user_agent, f.old_values, f.new_values,
    hash_of(f::text::saas.platform_audit_logs) FROM forged f;
END $$;
CREATE FUNCTION row_of(n integer) RETURNS uuid LANGUAGE sql AS
$$ SELECT id FROM saas.platform_audit_logs WHERE target_id LIKE '%' || n AND action = 'users.insert' $$;
SELECT switch('DISABLE');

-- A row is changed: alone, with its hash, with the hash that the seal has of it, and the root.
BEGIN;
UPDATE saas.platform_audit_logs SET reason = 'nothing' WHERE id = row_of(2);
SELECT * FROM found();
UPDATE saas.platform_audit_logs l SET row_hash = hash_of(l) WHERE id = row_of(2);
SELECT * FROM found();
UPDATE saas.audit_seal_rows s SET row_hash = l.row_hash FROM saas.platform_audit_logs l WHERE l.id = s.log_id;
SELECT * FROM found();
UPDATE saas.audit_seals SET merkle_root = sha256('x') WHERE seal = 1;
SELECT * FROM found();
ROLLBACK;
-- Every column counts.
DO $$
DECLARE
  change text;
BEGIN
  FOREACH change IN ARRAY ARRAY['id = saas.uuid_v7()', 'occurred_at = occurred_at + interval ''1 us''', 'xid = ''3''', 'epoch = ''1/1''', 'actor_type = ''user'', actor_id = saas.uuid_v7()',
    'database_role = ''x''', 'on_behalf_of = saas.uuid_v7()', 'impersonation_id = saas.uuid_v7()', 'session_id = saas.uuid_v7()', 'request_id = saas.uuid_v7()', 'tenant_id = saas.uuid_v7()',
    'action = ''x''', 'target_type = ''x''', 'target_id = ''x''', 'outcome = ''denied''', 'reason = ''''', 'ip_address = ''192.0.2.1''', 'user_agent = ''x''', 'old_values = ''{}''',
    'new_values = new_values || ''{"name": "x"}''', 'row_hash = sha256(''x'')'] LOOP
    BEGIN
      EXECUTE format('UPDATE saas.platform_audit_logs SET %s WHERE id = row_of(5)', change);
      IF NOT EXISTS (SELECT FROM found()) THEN RAISE WARNING 'not found: %', change; END IF;
      RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
  END LOOP;
END $$;
-- A row is deleted; with its place in the seal; with its whole seal; the last seal without a trace is what exported digests are for.
BEGIN;
DELETE FROM saas.platform_audit_logs WHERE id = row_of(2);
SELECT * FROM found();
DELETE FROM saas.audit_seal_rows s WHERE NOT EXISTS (SELECT FROM saas.platform_audit_logs l WHERE l.id = s.log_id);
SELECT * FROM found();
ROLLBACK;
BEGIN;
DELETE FROM saas.audit_seal_rows WHERE seal = 1;
DELETE FROM saas.audit_seals WHERE seal = 1;
SELECT * FROM found();
ROLLBACK;
BEGIN;
DELETE FROM saas.audit_seals WHERE seal = 2;
SELECT * FROM found();
ROLLBACK;
-- A row is inserted into what is sealed; sealing doesn't make it right. Of a transaction to come. Of a life that is over, or unknown.
BEGIN;
SELECT forge('reason = ''always was''');
SELECT * FROM found();
SELECT saas.seal_audit_log() IS NOT NULL AS sealed;
SELECT * FROM found();
ROLLBACK;
BEGIN;
SELECT forge('xid = ''123456789012''');
SELECT * FROM found();
ROLLBACK;
BEGIN;
-- As after a restore: these seals are another cluster's, and the next is this one's.
UPDATE saas.platform_audit_logs l SET epoch = '1/1';
UPDATE saas.platform_audit_logs l SET row_hash = hash_of(l);
UPDATE saas.audit_seal_rows s SET row_hash = l.row_hash FROM saas.platform_audit_logs l WHERE l.id = s.log_id;
TRUNCATE saas.audit_seals CASCADE;
SELECT saas.seal_audit_log() AS old_life;
SELECT row_count, split_part(epoch, '/', 1) <> '1' AS own_life FROM saas.audit_seals;
SELECT * FROM found();
SELECT forge('epoch = ''1/1'', xid = ''123456789012''');
SELECT * FROM found();
ROLLBACK;
-- A row that is not sealed yet.
BEGIN;
UPDATE saas.platform_audit_logs SET reason = 'x' WHERE id = row_of(7);
SELECT * FROM found();
ROLLBACK;
-- A seal is changed.
BEGIN;
UPDATE saas.audit_seals SET sealed_at = sealed_at - interval '1 day' WHERE seal = 1;
SELECT * FROM found();
ROLLBACK;
BEGIN;
UPDATE saas.audit_seals SET digest = sha256('x') WHERE seal = 1;
SELECT * FROM found();
ROLLBACK;
BEGIN;
UPDATE saas.audit_seals SET xid_before = '3', row_count = 2 WHERE seal = 2;
SELECT * FROM found();
ROLLBACK;
BEGIN;
UPDATE saas.audit_seal_rows SET position = position + 10 WHERE seal = 1 AND position = 3;
SELECT * FROM found();
ROLLBACK;
SELECT switch('ENABLE');
SELECT * FROM found();
