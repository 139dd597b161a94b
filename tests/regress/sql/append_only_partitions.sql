-- saas.make_partitions keeps a partition for each month ahead; each is closed and guarded as its parent.
SELECT saas.make_partitions();
SELECT saas.make_partitions(5) AS two_more_of_each;
SELECT saas.make_partitions(-1);
-- A month whose rows are in the default partition already is left there; the others are made.
SELECT (date_trunc('month', now()) + interval '6 months 10 days') AS far \gset
INSERT INTO saas.tenants (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'Acme');
INSERT INTO saas.usage_events (tenant_id, feature_key, units, period, occurred_at, recorded_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'api', 1, '2026-01-01', now(), :'far');
SELECT saas.make_partitions(7) AS one_and_two;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SELECT saas.make_partitions(8) AS one_of_each;
RESET timezone;
RESET datestyle;
SELECT i.inhparent::regclass AS parent, count(*) AS partitions, bool_and(c.relrowsecurity) AS closed,
       bool_and(pg_get_userbyid(c.relowner) = 'saas_owner') AS of_owner,
       bool_and(c.relacl IS NULL) AS not_granted,
       bool_and(EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'trg_refuse_truncate' AND t.tgenabled = 'A')) AS no_truncate,
       bool_and(EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'trg_refuse_change' AND t.tgenabled = 'A')) AS no_change
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent IN ('saas.platform_audit_logs'::regclass, 'saas.usage_events'::regclass)
 GROUP BY i.inhparent ORDER BY i.inhparent::regclass::text;
-- Called by the data owner and by workers, and by nobody else.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.make_partitions(9) AS one_of_each;
SELECT saas.grant_access('saas_worker', 'worker'), saas.grant_access('saas_app', 'app');
SET SESSION AUTHORIZATION saas_worker;
SELECT saas.make_partitions(10) AS one_of_each;
SET SESSION AUTHORIZATION saas_app;
SELECT saas.make_partitions(11);
RESET SESSION AUTHORIZATION;
SELECT count(DISTINCT relowner) AS owners FROM pg_class WHERE relname ~ '^(platform_audit_logs|usage_events)';
