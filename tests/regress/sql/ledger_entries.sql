-- The credit ledger numbers its entries and runs its balance by itself, whatever a plain INSERT says.
SET SESSION AUTHORIZATION saas_owner;
\set acme 00000000-0000-7000-8000-00000000000a
\set globex 00000000-0000-7000-8000-00000000000b
INSERT INTO saas.tenants (id, name) VALUES (:'acme', 'Acme'), (:'globex', 'Globex');
CREATE VIEW ledger AS
SELECT t.name, entry, delta, balance_after, reason, l.created_at = now() AS now
  FROM saas.tenant_credit_ledger l JOIN saas.tenants t ON t.id = l.tenant_id ORDER BY t.name, entry;

-- What is forged is overwritten.
BEGIN;
INSERT INTO saas.tenant_credit_ledger (tenant_id, entry, delta, balance_after, reason, source, created_at)
VALUES (:'acme', 99, 100, 1000000, 'forged', 'admin', '2000-01-01');
-- Several rows at once follow one another, also of two tenants in turn.
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source)
VALUES (:'acme', 10, 'one', 'promo'), (:'globex', 5, 'one', 'promo'), (:'acme', -60, 'two', 'billing'), (:'acme', 20, 'three', 'promo'), (:'globex', -5, 'two', 'billing');
TABLE ledger;
COMMIT;
-- COPY is no way around.
COPY saas.tenant_credit_ledger (tenant_id, entry, delta, balance_after, reason, source) FROM STDIN;
00000000-0000-7000-8000-00000000000a	1	-70	77	copied	admin
00000000-0000-7000-8000-00000000000a	1	30	77	copied	admin
\.
SELECT name, entry, delta, balance_after, reason FROM ledger;
SELECT g.delta AS given, sum(a.amount) AS used FROM saas.tenant_credit_ledger g JOIN saas.credit_allocations a ON a.grant_id = g.id
 GROUP BY g.tenant_id, g.entry, g.delta ORDER BY g.delta;

-- Never below zero, in one statement neither; nothing of it stays.
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', -31, 'too much', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', -20, 'enough', 'admin'), (:'acme', -20, 'too much', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'globex', -1, 'too much', 'admin');
-- What is no entry.
\set VERBOSITY terse
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', 0, 'nothing', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', NULL, 'nothing', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (NULL, 5, 'nobody', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES ('00000000-0000-0000-0000-000000000001', 5, 'nobody', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', 5, ' ', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', 5, 'why', 'friend');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', 9223372036854775807, 'why', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES (:'acme', -9223372036854775808, 'why', 'admin');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, expires_at) VALUES (:'acme', 5, 'why', 'admin', 'infinity');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, expires_at) VALUES (:'acme', -5, 'why', 'admin', now());
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, grant_id) SELECT :'globex', 5, 'why', 'admin', id FROM saas.tenant_credit_ledger LIMIT 1;
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key) VALUES (:'acme', 5, 'why', 'admin', '');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key) VALUES (:'acme', 5, 'why', 'admin', 'k');
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key) VALUES (:'acme', 5, 'why', 'admin', 'k');
\set VERBOSITY default
SELECT name, entry, delta, balance_after FROM ledger WHERE entry > 5;

-- grant_credit: what it refuses.
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'went through';
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || left(sqlerrm, 90);
END $$;
SELECT arguments, refused(format('SELECT saas.grant_credit(%s)', replace(arguments, 'acme', quote_literal(:'acme'))))
  FROM unnest(ARRAY[
    $$acme, 0, 'x', 'promo'$$, $$acme, -5, 'x', 'promo'$$, $$acme, 5, 'x', 'friend'$$, $$acme, 5, '', 'promo'$$, $$acme, 5, 'x', 'promo', ''$$,
    $$acme, 5, 'x', 'promo', expires_at => now()$$, $$acme, 5, 'x', 'promo', expires_at => '-infinity'$$, $$acme, 5, 'x', 'promo', expires_at => 'infinity'$$,
    $$acme, 9223372036854775807, 'x', 'promo'$$, $$NULL, 5, 'x', 'promo'$$, $$acme, NULL, 'x', 'promo'$$, $$acme, 5, NULL, 'promo'$$, $$acme, 5, 'x', NULL$$,
    $$acme, 5, 'x', 'promo', priority => NULL$$, $$'00000000-0000-0000-0000-000000000001', 5, 'x', 'promo'$$]) arguments;
SELECT saas.credit_balance(:'acme'), saas.credit_balance('00000000-0000-0000-0000-000000000001') AS nobodys;
