-- Seals: what they cover, how they are chained, and that anybody can compute them again.
-- Transactions of other databases of the server hold a seal back too: wait for them.
CREATE FUNCTION settle() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WHILE (SELECT max(xid) FROM saas.platform_audit_logs) >= pg_snapshot_xmin(pg_current_snapshot()) LOOP
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$;
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_worker', 'worker'), saas.grant_access('saas_auditor', 'auditor'), saas.grant_access('saas_app', 'app');
INSERT INTO saas.users (email, name, email_preferences) VALUES ('ann@example.com', 'Änn', '{"b": [1, 2.50], "a": null}');
SELECT settle();
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.seal_audit_log();
SELECT saas.seal_audit_log() AS nothing_new;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION saas_owner;
INSERT INTO saas.users (email) SELECT n || '@example.com' FROM generate_series(1, 5) n;
UPDATE saas.users SET name = 'Ann' WHERE name = 'Änn';
SELECT settle();
-- What this transaction writes is not finished: it goes into a later seal.
BEGIN;
INSERT INTO saas.users (email) VALUES ('late@example.com');
SELECT saas.seal_audit_log();
SELECT count(*) FROM saas.audit_seal_rows s RIGHT JOIN saas.platform_audit_logs l ON l.id = s.log_id WHERE s.seal IS NULL;
SELECT * FROM saas.verify_audit_log();
COMMIT;
SELECT settle();
SELECT saas.seal_audit_log();
SELECT seal, previous, row_count, epoch ~ '^\d+/\d+$' AS epoch FROM saas.audit_seals ORDER BY seal;
SELECT s.seal, s.position, l.action, l.row_hash = s.row_hash AS same FROM saas.audit_seal_rows s JOIN saas.platform_audit_logs l ON l.id = s.log_id AND l.occurred_at = s.occurred_at ORDER BY 1, 2;
SET SESSION AUTHORIZATION saas_auditor;
SELECT * FROM saas.verify_audit_log();
SELECT count(*) AS readable FROM saas.audit_seals;
SELECT saas.seal_audit_log();
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION saas_worker;
SELECT * FROM saas.verify_audit_log();
\echo :LAST_ERROR_SQLSTATE
SET SESSION AUTHORIZATION saas_app;
SELECT saas.seal_audit_log();
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
-- The digests, computed again in SQL, under any setting.
SET timezone = 'Asia/Tokyo';
SET bytea_output = 'escape';
SELECT seal, digest = sha256('saas_core seal 1'::bytea || coalesce(lag(digest) OVER (ORDER BY seal), decode(repeat('00', 32), 'hex'))
                             || int8send(seal) || timestamptz_send(sealed_at) || int8send(row_count) || merkle_root
                             || xid8send(xid_before) || convert_to(epoch, 'UTF8')) AS same
  FROM saas.audit_seals ORDER BY seal;
-- So is a root: RFC 6962's tree of one leaf, and of the levels of the second seal.
CREATE FUNCTION leaf(s saas.audit_seal_rows) RETURNS bytea LANGUAGE sql AS
$$ SELECT sha256('\x00'::bytea || uuid_send(s.log_id) || timestamptz_send(s.occurred_at) || s.row_hash) $$;
CREATE FUNCTION tree(leaves bytea[]) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  n integer := cardinality(leaves);
  k integer := 1;
BEGIN
  IF n = 1 THEN RETURN leaves[1]; END IF;
  WHILE k * 2 < n LOOP k := k * 2; END LOOP;
  RETURN sha256('\x01'::bytea || tree(leaves[1:k]) || tree(leaves[k + 1:n]));
END $$;
SELECT a.seal, tree((SELECT array_agg(leaf(s) ORDER BY position) FROM saas.audit_seal_rows s WHERE s.seal = a.seal)) = a.merkle_root AS same
  FROM saas.audit_seals a ORDER BY 1;
SELECT * FROM saas.verify_audit_log();
SELECT * FROM saas.check_invariants();
