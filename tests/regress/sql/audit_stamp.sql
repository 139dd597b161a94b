-- What nobody but the database says about an audit row.
BEGIN;
INSERT INTO saas.platform_audit_logs (id, xid, epoch, actor_type, database_role, action, target_type, target_id, row_hash)
OVERRIDING SYSTEM VALUE
VALUES ('00000000-0000-0000-0000-000000000000', '3', 'forged', 'database_role', 'nobody', 'test', 'ab', 'c', sha256('forged')),
       (NULL, NULL, NULL, 'database_role', 'nobody', 'test', 'a', 'bc', NULL);
SELECT id = '00000000-0000-0000-0000-000000000000' AS forged_id, xid = pg_current_xact_id() AS own_xid, epoch ~ '^\d+/\d+$' AS own_epoch,
       database_role, row_hash = sha256('forged') AS forged_hash
  FROM saas.platform_audit_logs ORDER BY id;
SELECT count(DISTINCT id) AS ids, count(DISTINCT row_hash) AS hashes FROM saas.platform_audit_logs;
COMMIT;
-- The time can't be chosen: neither in another partition nor in the same.
INSERT INTO saas.platform_audit_logs (occurred_at, actor_type, database_role, action, target_type) VALUES ('2020-01-01', 'database_role', 'x', 'test', 'x');
INSERT INTO saas.platform_audit_logs (occurred_at, actor_type, database_role, action, target_type) VALUES (now() - interval '1 microsecond', 'database_role', 'x', 'test', 'x');
INSERT INTO saas.platform_audit_logs (occurred_at, actor_type, database_role, action, target_type) VALUES (NULL, 'database_role', 'x', 'test', 'x');
DO $$ BEGIN
  EXECUTE format('INSERT INTO saas.%I (actor_type, database_role, action, target_type) VALUES (''database_role'', ''x'', ''test'', ''by the partition'')',
                 'platform_audit_logs_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'));
END $$;
-- The hash, computed again in SQL, under any setting of the session.
INSERT INTO saas.users (email, name) VALUES ('ann@example.com', 'Änn');
UPDATE saas.users SET name = NULL, email_preferences = '{"b": [1, 2.50], "a": null}';
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SET bytea_output = 'escape';
SET intervalstyle = 'sql_standard';
UPDATE saas.users SET name = 'Ann';
CREATE FUNCTION field(b bytea) RETURNS bytea LANGUAGE sql AS
$$ SELECT coalesce(int4send(length(b)) || b, int4send(-1)) $$;
CREATE FUNCTION field(t text) RETURNS bytea LANGUAGE sql AS $$ SELECT field(convert_to(t, 'UTF8')) $$;
SELECT action, row_hash = sha256(
         field(uuid_send(id)) || field(timestamptz_send(occurred_at)) || field(xid8send(xid)) || field(epoch) || field(actor_type)
         || field(uuid_send(actor_id)) || field(database_role) || field(uuid_send(on_behalf_of)) || field(uuid_send(impersonation_id))
         || field(uuid_send(session_id)) || field(uuid_send(request_id)) || field(uuid_send(tenant_id)) || field(action)
         || field(target_type) || field(target_id) || field(outcome) || field(reason) || field(inet_send(ip_address))
         || field(user_agent) || field(old_values::text) || field(new_values::text)) AS same
  FROM saas.platform_audit_logs ORDER BY id;
-- Times in the log are in UTC whoever wrote it.
SELECT new_values ->> 'created_at' ~ '\+00:00$' AS utc FROM saas.platform_audit_logs WHERE action = 'users.insert';
SHOW timezone;
-- The functions are triggers and nothing else.
SELECT saas.stamp_audit_log();
SELECT saas.audit_changes();
CREATE TABLE t (LIKE saas.platform_audit_logs INCLUDING DEFAULTS);
ALTER TABLE t ALTER actor_id TYPE text;
CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION saas.stamp_audit_log();
INSERT INTO t (actor_type) VALUES ('user');
DROP TRIGGER t ON t;
CREATE TRIGGER t BEFORE INSERT ON t EXECUTE FUNCTION saas.stamp_audit_log();
INSERT INTO t (actor_type) VALUES ('user');
DROP TRIGGER t ON t;
CREATE TABLE numbers (id int);
CREATE TRIGGER t AFTER INSERT ON numbers EXECUTE FUNCTION saas.audit_changes();
INSERT INTO numbers VALUES (1);
DROP TRIGGER t ON numbers;
CREATE TRIGGER t AFTER INSERT ON numbers EXECUTE FUNCTION saas.audit_changes('numbers', 'id');
INSERT INTO numbers VALUES (1);
DROP TRIGGER t ON numbers;
CREATE TRIGGER t AFTER INSERT ON numbers REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION saas.audit_changes('numbers', 'id');
INSERT INTO numbers VALUES (1), (2);
SELECT action, target_id, new_values FROM saas.platform_audit_logs WHERE target_type = 'numbers' ORDER BY id;
