-- A month of a small platform, and what its developers added to the tables and beside them. As the data owner.
UPDATE saas.settings SET usage_id_retention = '100 years';
SELECT saas.grant_access('inst_app', 'app'), saas.grant_access('inst_gateway', 'gateway'), saas.grant_access('inst_worker', 'worker'),
       saas.grant_access('inst_auditor', 'auditor'), saas.grant_access('inst_admin', 'admin') \gset

INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, 'project.create', 1000, 10 FROM saas.plans WHERE key = 'plus';

SELECT saas.create_user('ada@acme.example', 'Ada') AS ada, saas.create_user('hank@globex.example', 'Hänk ''\') AS hank,
       saas.create_user('mia@acme.example') AS mia, saas.create_user('olga@platform.example', 'Olga') AS olga \gset
SELECT saas.create_tenant('Acme', :'ada') AS acme, saas.create_tenant('Globex', :'hank') AS globex \gset
INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('acme.editor', false, :'acme') RETURNING id AS editor \gset
INSERT INTO saas.role_permissions SELECT :'editor', id FROM saas.permissions WHERE key IN ('tenant.read', 'project.update');
INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) VALUES (:'acme', :'mia', :'editor');
INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
SELECT :'olga', id, :'olga', 'Runs the platform' FROM saas.roles WHERE key = 'platform_admin';
INSERT INTO saas.projects (tenant_id, title, description)
SELECT t.id, t.name || ' ' || n, E'tab\t, "quote", \\N, ünï' FROM saas.tenants t, generate_series(1, 3) n;
INSERT INTO saas.projects (tenant_id, title) VALUES (:'acme', 'No description');

SELECT saas.subscribe(id, 'plus', starts_at => '2026-01-01 00:00Z'), saas.link_provider_customer(id, 'stripe', 'cus_' || name)
  FROM saas.tenants \g /dev/null
SELECT saas.record_usage(:'acme', 'project.create', 1200, 'january', '2026-01-10 12:00Z'),
       saas.record_usage(:'globex', 'project.create', 10, 'january', '2026-01-31 23:59:59Z'),
       saas.record_usage(:'acme', 'project.create', 7, 'february', '2026-02-01 00:00Z') \g /dev/null
SELECT saas.grant_credit(:'acme', 1000, 'Welcome', 'promo', 'welcome') \g /dev/null
CALL saas.close_period('2026-01-01');
SELECT saas.finalize_invoice(id) FROM saas.payment_invoices ORDER BY id \g /dev/null
SELECT saas.ingest_payment_event('stripe', 'evt_1', 'a.type.that.nobody.knows', '{"b": [1, 2.50, null], "a": "ü"}'),
       saas.process_payment_events() \g /dev/null
-- Sealed in this cluster's life; what follows is not, and the restored log goes on from here.
SELECT saas.seal_audit_log() \g /dev/null
INSERT INTO saas.user_consents (user_id, purpose, legal_basis, version) VALUES (:'ada', 'newsletter', 'consent', '1');
DELETE FROM saas.projects WHERE tenant_id = :'globex' AND title = 'Globex 3';

-- What developers do to other people's tables.
ALTER TABLE saas.tenants ADD COLUMN crm_id text UNIQUE DEFAULT 'none yet' || random();
COMMENT ON COLUMN saas.tenants.crm_id IS 'The customer in the CRM.';
UPDATE saas.tenants SET crm_id = 'crm ' || name;
CREATE INDEX tenants_by_crm ON saas.tenants (lower(crm_id)) WHERE crm_id <> '';
ALTER TABLE saas.projects ADD CONSTRAINT short_title CHECK (length(title) < 200);
CREATE SCHEMA app;
CREATE TABLE app.changes (at timestamptz DEFAULT now(), what text);
CREATE FUNCTION app.note_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.changes (what) VALUES (NEW.name); RETURN NULL; END $$;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE ON saas.tenants FOR EACH ROW EXECUTE FUNCTION app.note_change();
ALTER TABLE saas.tenants ENABLE REPLICA TRIGGER note_change;
ALTER TABLE saas.tenants ENABLE ALWAYS TRIGGER note_change;
CREATE TABLE app.notes (
  id        uuid PRIMARY KEY DEFAULT saas.uuid_v7(),
  tenant_id uuid NOT NULL REFERENCES saas.tenants (id),
  body      text
);
CREATE INDEX ON app.notes (tenant_id);
ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON app.notes FOR SELECT TO inst_app USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
CREATE POLICY write ON app.notes FOR INSERT TO inst_app WITH CHECK (saas.has_tenant_permission(tenant_id, 'project.create'));
COMMENT ON POLICY read ON app.notes IS 'Members read.';
GRANT USAGE ON SCHEMA app TO inst_app;
GRANT SELECT, INSERT ON app.notes TO inst_app;
INSERT INTO app.notes (tenant_id, body) SELECT id, 'Hello ' || name FROM saas.tenants;
CREATE TABLE app.papers (tenant_id uuid, id uuid PRIMARY KEY DEFAULT saas.uuid_v7(), title text);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.papers TO inst_app;
SELECT saas.protect_table('app.papers', 'tenant.read', 'project.create') \g /dev/null
-- Beside what grant_access gives: install() must not take it away.
GRANT SELECT (email) ON saas.users TO inst_reporter;
GRANT USAGE ON SCHEMA saas TO inst_reporter;
GRANT EXECUTE ON FUNCTION saas.uuid_v7() TO inst_reporter;

-- Tokens to come back with after a restore.
CREATE TABLE app.tokens (who text, token text);
INSERT INTO app.tokens VALUES ('ada', saas.create_session(:'ada', '1000 days')), ('hank', saas.create_session(:'hank', '1000 days')),
                              ('mia', saas.create_session(:'mia', '1000 days')), ('olga', saas.create_session(:'olga', '1000 days'));
