-- An application's own table under row-level security: two tenants, each user his own rows.
SET SESSION AUTHORIZATION saas_owner;
SELECT saas.grant_access('saas_app', 'app');
SELECT saas.create_user('jane@example.com') AS jane \gset
SELECT saas.create_session(:'jane') AS jane_token \gset
SELECT saas.create_tenant('Acme', :'jane') AS acme \gset
SELECT saas.create_user('joe@example.com') AS joe \gset
SELECT saas.create_session(:'joe') AS joe_token \gset
SELECT saas.create_tenant('Globex', :'joe') AS globex \gset
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT :'acme', :'joe', id FROM saas.roles WHERE key = 'tenant_guest';
INSERT INTO saas.projects (tenant_id, title) VALUES (:'acme', 'Rocket skates'), (:'globex', 'Weather machine');

SET SESSION AUTHORIZATION saas_app;
SELECT title FROM saas.projects;
BEGIN;
SELECT saas.begin_request(:'jane_token') IS NOT NULL AS jane;
SELECT title FROM saas.projects;
INSERT INTO saas.projects (tenant_id, title) VALUES (:'acme', 'Tunnel paint') RETURNING title;
UPDATE saas.projects SET description = 'fast' WHERE title = 'Rocket skates' RETURNING title;
UPDATE saas.projects SET description = 'mine' WHERE title = 'Weather machine' RETURNING title;
SAVEPOINT s;
INSERT INTO saas.projects (tenant_id, title) VALUES (:'globex', 'Trojan horse');
ROLLBACK TO s;
UPDATE saas.projects SET tenant_id = :'globex';
ROLLBACK TO s;
DELETE FROM saas.projects WHERE title = 'Tunnel paint' RETURNING title;
COMMIT;
-- Joe owns one tenant and is a guest in the other.
BEGIN;
SELECT saas.begin_request(:'joe_token') IS NOT NULL AS joe;
SELECT title FROM saas.projects ORDER BY title;
UPDATE saas.projects SET description = 'joe was here' RETURNING title;
SELECT saas.begin_request(:'joe_token', :'acme') IS NOT NULL AS joe_in_acme;
SELECT title FROM saas.projects ORDER BY title;
INSERT INTO saas.projects (tenant_id, title) VALUES (:'acme', 'Guest book');
ROLLBACK;
