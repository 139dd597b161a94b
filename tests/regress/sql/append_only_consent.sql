-- A consent is withdrawn once; nothing else about it ever changes.
INSERT INTO saas.users (id, email) VALUES ('00000000-0000-7000-8000-000000000001', 'ann@example.com');
INSERT INTO saas.user_consents (id, user_id, purpose, legal_basis, version)
VALUES ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'newsletter', 'consent', 'v1');
UPDATE saas.user_consents SET version = 'v2';
UPDATE saas.user_consents SET version = 'v2', withdrawn_at = now();
UPDATE saas.user_consents SET withdrawn_at = now();
UPDATE saas.user_consents SET withdrawn_at = NULL;
UPDATE saas.user_consents SET withdrawn_at = now() + interval '1 hour';
DELETE FROM saas.user_consents;
TRUNCATE saas.user_consents;
SET session_replication_role = replica;
DELETE FROM saas.user_consents;
RESET session_replication_role;
SELECT version, withdrawn_at IS NOT NULL AS withdrawn FROM saas.user_consents;
