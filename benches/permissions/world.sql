-- :rows rows of 1,000 tenants, interleaved as they are when tenants work at the same time; users in 1, 20 and 1,000 of them; and for each
-- way of writing a policy a role of its own, so that all ways read the same table.
SET client_min_messages = warning;
CREATE SCHEMA bench;

INSERT INTO saas.tenants (name) SELECT 'Tenant ' || n FROM generate_series(1, 1000) n;
CREATE TABLE bench.tenants AS SELECT id, (row_number() OVER (ORDER BY id) - 1)::integer AS number FROM saas.tenants;
CREATE FUNCTION bench.user_id(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
-- 10,000 others, each in one tenant: ten members a tenant, one of them its owner.
INSERT INTO saas.users (id, email) SELECT bench.user_id(n), n || '@example.com' FROM generate_series(1, 10000) n;
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT t.id, bench.user_id(n), r.id FROM generate_series(1, 10000) n
  JOIN bench.tenants t ON t.number = n % 1000
  JOIN saas.roles r ON r.key = CASE WHEN n <= 1000 THEN 'tenant_owner' ELSE 'tenant_member' END;
-- Those who ask are 100001, 100020 and 101000: in so many tenants.
INSERT INTO saas.users (id, email)
SELECT bench.user_id(100000 + n), 'in' || n || '@example.com' FROM unnest(ARRAY[1, 20, 1000]) n;
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
SELECT t.id, bench.user_id(100000 + tenants), r.id FROM unnest(ARRAY[1, 20, 1000]) tenants
  JOIN bench.tenants t ON t.number % (1000 / tenants) = 0, saas.roles r WHERE r.key = 'tenant_admin';

CREATE TABLE bench.documents (
  tenant_id uuid NOT NULL, id bigint NOT NULL, created_at timestamptz NOT NULL, title text NOT NULL);
INSERT INTO bench.documents
SELECT t.id, n, '2026-01-01Z'::timestamptz + n * interval '1 s', 'Title ' || n
  FROM generate_series(1, :rows) n JOIN bench.tenants t ON t.number = n * 7919::bigint % 1000 ORDER BY n;
ALTER TABLE bench.documents ADD PRIMARY KEY (tenant_id, id);
CREATE UNIQUE INDEX ON bench.documents (id);
CREATE INDEX ON bench.documents (tenant_id, created_at);
CREATE TABLE bench.comments (tenant_id uuid NOT NULL, document_id bigint NOT NULL, body text NOT NULL);
INSERT INTO bench.comments SELECT tenant_id, id, 'Comment on ' || id FROM bench.documents WHERE id / 1000 % 4 = 0;
CREATE INDEX ON bench.comments (tenant_id, document_id);
CREATE TABLE bench.notes (tenant_id uuid NOT NULL, id bigint NOT NULL, body text NOT NULL, PRIMARY KEY (tenant_id, id));

CREATE TABLE bench.results (tenants integer, query text, way text, run integer, ms float8);
CREATE TABLE bench.cold (what text, ms float8);
CREATE UNLOGGED TABLE bench.asked (began timestamptz, ended timestamptz, allowed boolean);
CREATE UNLOGGED TABLE bench.revoked (revoked timestamptz, granted timestamptz);
