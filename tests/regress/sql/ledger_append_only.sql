-- What was given and used is never rewritten, by its owner neither.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key) VALUES (:'acme', 100, 'one', 'admin', 'k');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', -40, 'two', 'admin');
\set VERBOSITY terse
UPDATE saas.tenant_credit_ledger SET delta = 1000;
UPDATE saas.tenant_credit_ledger SET reason = reason;
DELETE FROM saas.tenant_credit_ledger;
TRUNCATE saas.tenant_credit_ledger;
TRUNCATE saas.tenant_credit_ledger CASCADE;
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key) VALUES (:'acme', 5, 'three', 'admin', 'k')
  ON CONFLICT (tenant_id, idempotency_key) DO UPDATE SET delta = 1000;
MERGE INTO saas.tenant_credit_ledger l USING (VALUES (1)) v (entry) ON l.entry = v.entry WHEN MATCHED THEN UPDATE SET delta = 1000;
MERGE INTO saas.tenant_credit_ledger l USING (VALUES (1)) v (entry) ON l.entry = v.entry WHEN MATCHED THEN DELETE;
UPDATE saas.credit_allocations SET amount = 1;
DELETE FROM saas.credit_allocations;
TRUNCATE saas.credit_allocations;
DELETE FROM saas.tenants;
-- A statement that changes nothing is refused nothing; one that inserts, inserts.
UPDATE saas.tenant_credit_ledger SET delta = 1000 WHERE false;
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key) VALUES (:'acme', 5, 'three', 'admin', 'k')
  ON CONFLICT (tenant_id, idempotency_key) DO NOTHING;
MERGE INTO saas.tenant_credit_ledger l USING (VALUES (7)) v (entry) ON l.entry = v.entry
  WHEN NOT MATCHED THEN INSERT (tenant_id, entry, delta, balance_after, reason, source) VALUES ('00000000-0000-7000-8000-00000000000a', 7, 7, 7, 'merged', 'admin');
-- Under a superuser's replica role as well.
RESET SESSION AUTHORIZATION;
SET session_replication_role = replica;
UPDATE saas.tenant_credit_ledger SET delta = 1000;
DELETE FROM saas.tenant_credit_ledger;
TRUNCATE saas.tenant_credit_ledger CASCADE;
RESET session_replication_role;
SELECT entry, delta, balance_after, reason FROM saas.tenant_credit_ledger ORDER BY entry;
SELECT amount FROM saas.credit_allocations;
