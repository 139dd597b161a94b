-- Logs, ledger, seals and usage events are never changed, by nobody and in no way.
\set acme '00000000-0000-7000-8000-000000000001'
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.tenant_credit_ledger (tenant_id, entry, delta, balance_after, reason, source)
VALUES (:'acme', 1, 100, 100, 'Welcome', 'promo');
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, occurred_at) VALUES (:'acme', 'api', 1, '2026-01-01', now());
INSERT INTO saas.audit_seals (seal, row_count, merkle_root, epoch, xid_before, digest) VALUES (1, 1, sha256('a'), '1/1', '1', sha256('b'));
INSERT INTO saas.audit_seal_rows (seal, position, log_id, occurred_at, row_hash) SELECT 1, 1, id, occurred_at, row_hash FROM saas.platform_audit_logs LIMIT 1;
\set VERBOSITY terse
UPDATE saas.platform_audit_logs SET reason = 'none';
DELETE FROM saas.platform_audit_logs;
TRUNCATE saas.platform_audit_logs;
UPDATE saas.tenant_credit_ledger SET delta = 1000;
DELETE FROM saas.tenant_credit_ledger;
TRUNCATE saas.tenant_credit_ledger CASCADE;
UPDATE saas.usage_events SET units = 0;
DELETE FROM saas.usage_events;
TRUNCATE saas.usage_events;
UPDATE saas.audit_seals SET row_count = 0;
DELETE FROM saas.audit_seals;
TRUNCATE saas.audit_seals CASCADE;
UPDATE saas.audit_seal_rows SET position = 2;
DELETE FROM saas.audit_seal_rows;
TRUNCATE saas.audit_seal_rows;
TRUNCATE saas.credit_allocations;
-- Through an upsert, a MERGE, a parent's cascade.
INSERT INTO saas.tenant_credit_ledger (tenant_id, entry, delta, balance_after, reason, source)
VALUES (:'acme', 1, 100, 100, 'Welcome', 'promo') ON CONFLICT (tenant_id, entry) DO UPDATE SET delta = 5;
MERGE INTO saas.tenant_credit_ledger l USING (SELECT 1) one ON l.entry = 1 WHEN MATCHED THEN UPDATE SET delta = 7;
MERGE INTO saas.tenant_credit_ledger l USING (SELECT 1) one ON l.entry = 1 WHEN MATCHED THEN DELETE;
SET client_min_messages = warning;
TRUNCATE saas.tenants CASCADE;
RESET client_min_messages;
DELETE FROM saas.tenants;
-- With the triggers of ordinary tables off.
SET session_replication_role = replica;
DELETE FROM saas.platform_audit_logs;
UPDATE saas.tenant_credit_ledger SET delta = 1000;
TRUNCATE saas.usage_events;
RESET session_replication_role;
-- In each partition by its own name.
DO $$
DECLARE
  partition regclass;
  statement text;
  touched   bigint;
BEGIN
  FOR partition IN SELECT inhrelid::regclass FROM pg_inherits
                    WHERE inhparent IN ('saas.platform_audit_logs'::regclass, 'saas.usage_events'::regclass) LOOP
    FOREACH statement IN ARRAY ARRAY['TRUNCATE %s', 'DELETE FROM %s', 'UPDATE %s SET tenant_id = NULL'] LOOP
      BEGIN
        EXECUTE format(statement, partition);
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched > 0 OR statement ~ 'TRUNCATE' THEN
          RAISE WARNING 'not refused: %', format(statement, partition);
        END IF;
      EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL;
      END;
    END LOOP;
  END LOOP;
END $$;
SELECT (SELECT count(*) > 0 FROM saas.platform_audit_logs) AS log,
       (SELECT delta FROM saas.tenant_credit_ledger) AS ledger,
       (SELECT count(*) FROM saas.usage_events) AS events,
       (SELECT count(*) FROM saas.audit_seals) AS seals;
