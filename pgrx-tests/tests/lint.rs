//! `saas.lint`: each fault is planted, found, mended by the fix that is printed, and gone.

use postgres::{Client, GenericClient, Transaction};
use saas_core_tests::story::{Story, asking, one};
use saas_core_tests::{TestDb, assert_sqlstate};

/// Severity, object, problem and fix.
type Finding = [String; 4];

fn lint(client: &mut impl GenericClient) -> Vec<Finding> {
    let rows = client.query("SELECT severity, object, problem, fix FROM saas.lint()", &[]).unwrap();
    rows.iter().map(|row| [row.get(0), row.get(1), row.get(2), row.get(3)]).collect()
}

/// A database in which everything is as it should be, with a protected table.
fn clean() -> TestDb {
    let db = TestDb::new();
    for kind in ["app", "gateway", "worker", "auditor", "admin"] {
        db.kind(kind);
    }
    db.owner()
        .batch_execute(&format!(
            "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC;
             CREATE SCHEMA shop;
             GRANT USAGE ON SCHEMA shop TO saas_app;
             CREATE TABLE shop.documents (tenant_id uuid, id uuid PRIMARY KEY DEFAULT saas.uuid_v7(), title text);
             GRANT SELECT, INSERT, UPDATE, DELETE ON shop.documents TO saas_app, saas_gateway;
             SELECT saas.protect_table('shop.documents', 'tenant.read', 'project.create')",
            db.name()
        ))
        .unwrap();
    db
}

/// A fault: who makes and mends it, how, and the severity, object and a part of the problem that lint says.
struct Fault(&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const OWNER: &str = "SET LOCAL ROLE saas_owner";
/// For what only a superuser can do.
const SUPERUSER: &str = "RESET ROLE";

/// Plants each fault by itself, in a transaction that is rolled back.
fn found_and_mended(faults: &[Fault]) {
    let db = clean();
    let mut client = db.superuser();
    assert_eq!(lint(&mut client), <[Finding; 0]>::default());
    for Fault(who, plant, expected) in faults {
        let mut attempt = client.transaction().unwrap();
        attempt.batch_execute(who).unwrap();
        if let Err(error) = attempt.batch_execute(plant) {
            panic!("{plant}: {error:?}");
        }
        let found = lint(&mut attempt);
        let told: Vec<_> = found
            .iter()
            .map(|[severity, object, ..]| (severity.as_str(), object.as_str()))
            .collect();
        let wanted: Vec<_> =
            expected.iter().map(|(severity, object, _)| (*severity, *object)).collect();
        assert_eq!(told, wanted, "{plant}: {found:#?}");
        for ([_, _, problem, _], (_, _, part)) in found.iter().zip(*expected) {
            assert!(problem.contains(part), "{plant}: {problem}");
        }
        mend(&mut attempt, &found);
        assert_eq!(
            lint(&mut attempt),
            <[Finding; 0]>::default(),
            "{plant}: still there after {found:#?}"
        );
        attempt.rollback().unwrap();
    }
}

fn mend(client: &mut Transaction<'_>, found: &[Finding]) {
    for [_, object, _, fix] in found {
        if let Err(error) = client.batch_execute(fix) {
            panic!("{object}: {fix}: {error:?}");
        }
    }
}

#[test]
fn lint_finds_permissions_that_do_not_exist() {
    found_and_mended(&[
        Fault(
            OWNER,
            "ALTER POLICY app_read ON shop.documents USING (saas.has_tenant_permission(tenant_id, 'tenant.raed'))",
            &[("error", "policy app_read on shop.documents", "permission \"tenant.raed\" does not exist; did you mean \"tenant.read\"?")],
        ),
        // Wherever it stands, in USING and WITH CHECK, two in one policy.
        Fault(
            OWNER,
            "ALTER POLICY app_update ON shop.documents
               USING (saas.has_tenant_permission(tenant_id, 'project.create') AND title <> 'it''s AND (' AND tenant_id = ANY (saas.permitted_tenant_ids('tenant.updated')))
               WITH CHECK (saas.has_tenant_permission(tenant_id, 'project.crate'))",
            &[
                ("error", "policy app_update on shop.documents", "\"project.crate\""),
                ("error", "policy app_update on shop.documents", "\"tenant.updated\""),
            ],
        ),
        Fault(
            OWNER,
            "ALTER POLICY app_insert ON shop.documents WITH CHECK (saas.has_system_permission('zzz.qqq'))",
            &[("error", "policy app_insert on shop.documents", "permission \"zzz.qqq\" does not exist")],
        ),
        // The extension's own.
        Fault(
            OWNER,
            "DELETE FROM saas.permissions WHERE key = 'project.update'",
            &[("error", "policy app_update on saas.projects", "\"project.update\"")],
        ),
        // Not what looks like one.
        Fault(
            OWNER,
            "ALTER POLICY app_insert ON shop.documents WITH CHECK (saas.has_tenant_permission(tenant_id, 'project.create') AND title <> 'zzz.qqq')",
            &[],
        ),
    ]);
}

#[test]
fn lint_finds_tables_that_are_open() {
    found_and_mended(&[
        Fault(
            OWNER,
            "CREATE TABLE shop.open (tenant_id uuid); GRANT SELECT ON shop.open TO saas_app",
            &[("error", "table shop.open", "no row-level security")],
        ),
        Fault(
            OWNER,
            "CREATE TABLE shop.open (\"Account\" uuid REFERENCES saas.tenants); GRANT UPDATE (\"Account\") ON shop.open TO PUBLIC",
            &[("error", "table shop.open", "no row-level security")],
        ),
        Fault(OWNER, "CREATE TABLE shop.open (tenant_id uuid)", &[("warning", "table shop.open", "no row-level security")]),
        // Nobody's rows but their own.
        Fault(OWNER, "CREATE TABLE shop.open (id uuid, tenant text); GRANT SELECT ON shop.open TO saas_app", &[]),
        Fault(OWNER, "CREATE TEMP TABLE open (tenant_id uuid)", &[]),
        Fault(
            OWNER,
            "ALTER TABLE shop.documents DISABLE ROW LEVEL SECURITY",
            &[("error", "table shop.documents", "its policies do nothing")],
        ),
        Fault(
            OWNER,
            "CREATE TABLE shop.settings (a int); CREATE POLICY all_of_it ON shop.settings USING (true)",
            &[("error", "table shop.settings", "its policies do nothing")],
        ),
        Fault(
            OWNER,
            "ALTER TABLE saas.projects DISABLE ROW LEVEL SECURITY",
            &[("error", "table saas.projects", "its policies do nothing")],
        ),
        // Of another owner: then protect_table does not do.
        Fault(
            SUPERUSER,
            "CREATE TABLE shop.open (tenant_id uuid PRIMARY KEY)",
            &[("warning", "table shop.open", "no row-level security")],
        ),
        Fault(
            OWNER,
            "CREATE TABLE shop.parts (tenant_id uuid) PARTITION BY LIST (tenant_id); CREATE TABLE shop.part PARTITION OF shop.parts DEFAULT;
             SELECT saas.protect_table('shop.parts', 'tenant.read'); GRANT SELECT ON shop.part TO saas_app",
            &[("error", "table shop.part", "a partition")],
        ),
        Fault(
            OWNER,
            "DROP POLICY app_read ON shop.documents",
            &[("warning", "table shop.documents", "applications see no row")],
        ),
        Fault(
            OWNER,
            "GRANT ALL ON shop.documents TO saas_app; GRANT TRUNCATE ON saas.projects TO PUBLIC",
            &[
                ("error", "table saas.projects", "PUBLIC: TRUNCATE, past its policies"),
                ("error", "table shop.documents", "saas_app: REFERENCES, TRIGGER, TRUNCATE, past its policies"),
            ],
        ),
    ]);
}

#[test]
fn lint_finds_rows_that_may_move() {
    found_and_mended(&[
        Fault(
            OWNER,
            "DROP TRIGGER trg_tenant_fixed ON shop.documents",
            &[("error", "table shop.documents", "rows may move to another tenant: applications may UPDATE tenant_id")],
        ),
        Fault(
            OWNER,
            "DROP TRIGGER trg_tenant_fixed ON shop.documents;
             CREATE TRIGGER trg_tenant_stays AFTER UPDATE ON shop.documents FOR EACH ROW EXECUTE FUNCTION saas.keep_tenant('id');
             ALTER TABLE shop.documents ENABLE ALWAYS TRIGGER trg_tenant_stays",
            &[("error", "table shop.documents", "rows may move to another tenant")],
        ),
        // Nobody may update that column; nobody may update at all; rows stay in the request's tenant.
        Fault(
            OWNER,
            "DROP TRIGGER trg_tenant_fixed ON shop.documents; REVOKE UPDATE ON shop.documents FROM saas_app, saas_gateway;
             GRANT UPDATE (title) ON shop.documents TO saas_app",
            &[],
        ),
        Fault(
            OWNER,
            "DROP TRIGGER trg_tenant_fixed ON shop.documents; SELECT saas.protect_table('shop.documents', 'tenant.read'); DROP TRIGGER trg_tenant_fixed ON shop.documents",
            &[],
        ),
        Fault(
            OWNER,
            "DROP TRIGGER trg_tenant_fixed ON shop.documents;
             ALTER POLICY app_update ON shop.documents USING (tenant_id = saas.authorized_tenant_id('project.create'))
               WITH CHECK (tenant_id = saas.authorized_tenant_id('project.create'))",
            &[],
        ),
        Fault(
            OWNER,
            "ALTER TABLE shop.documents DISABLE TRIGGER trg_tenant_fixed",
            &[("error", "trigger trg_tenant_fixed on shop.documents", "it is disabled")],
        ),
        Fault(
            OWNER,
            "ALTER TABLE shop.documents ENABLE TRIGGER trg_tenant_fixed",
            &[("error", "trigger trg_tenant_fixed on shop.documents", "not ENABLE ALWAYS")],
        ),
        Fault(
            OWNER,
            "ALTER TABLE saas.tenant_members ENABLE TRIGGER trg_permissions_changed;
             ALTER TABLE saas.tenant_credit_ledger DISABLE TRIGGER trg_refuse_change;
             ALTER TABLE saas.tenants DISABLE TRIGGER trg_audit_update",
            &[
                ("error", "trigger trg_audit_update on saas.tenants", "it is disabled"),
                ("error", "trigger trg_permissions_changed on saas.tenant_members", "not ENABLE ALWAYS"),
                ("error", "trigger trg_refuse_change on saas.tenant_credit_ledger", "it is disabled"),
            ],
        ),
        // A partition's own, and those of a whole table.
        Fault(
            OWNER,
            "ALTER TABLE saas.platform_audit_logs_default ENABLE TRIGGER trg_refuse_change; ALTER TABLE saas.usage_events DISABLE TRIGGER trg_refuse_change",
            &[
                ("error", "trigger trg_refuse_change on saas.platform_audit_logs_default", "not ENABLE ALWAYS"),
                ("error", "trigger trg_refuse_change on saas.usage_events", "it is disabled"),
            ],
        ),
    ]);
}

#[test]
fn lint_finds_policies_that_defeat_the_index() {
    found_and_mended(&[
        Fault(
            OWNER,
            "DROP INDEX shop.documents_tenant_id_idx",
            &[("warning", "table shop.documents", "no index leads with tenant_id")],
        ),
        Fault(
            OWNER,
            "DROP INDEX shop.documents_tenant_id_idx; CREATE INDEX ON shop.documents USING hash (tenant_id);
             CREATE INDEX ON shop.documents (tenant_id) WHERE title <> ''",
            &[("warning", "table shop.documents", "no index leads with tenant_id")],
        ),
        Fault(
            OWNER,
            "CREATE POLICY staff ON shop.documents USING (title = 'public')",
            &[(
                "warning",
                "policy staff on shop.documents",
                "beside app_delete, app_insert, app_read, app_update: for DELETE, INSERT, SELECT, UPDATE by saas_app, saas_gateway rows",
            )],
        ),
        // On tables of the extension's, too; of two that are alike the first stays.
        Fault(
            OWNER,
            "CREATE POLICY mine ON saas.plans FOR SELECT TO saas_app USING (true);
             CREATE TABLE shop.notes (tenant_id uuid PRIMARY KEY); ALTER TABLE shop.notes ENABLE ROW LEVEL SECURITY;
             CREATE POLICY one ON shop.notes TO saas_app USING (true);
             CREATE POLICY two ON shop.notes FOR SELECT TO saas_app USING (saas.has_tenant_permission(tenant_id, 'tenant.read'))",
            &[
                ("warning", "policy mine on saas.plans", "beside app_read: for SELECT by saas_app rows"),
                ("warning", "policy one on shop.notes", "beside two: for SELECT by saas_app rows"),
            ],
        ),
        Fault(
            OWNER,
            "CREATE POLICY staff ON shop.documents TO saas_admin USING (saas.has_system_permission('platform.tenant.read'))",
            &[],
        ),
        Fault(OWNER, "CREATE POLICY staff ON shop.documents AS RESTRICTIVE USING (title <> 'secret')", &[]),
        Fault(
            OWNER,
            "ALTER POLICY app_read ON shop.documents USING ((SELECT saas.has_tenant_permission(tenant_id, 'tenant.read')) AND title <> '')",
            &[("warning", "policy app_read on shop.documents", "a subquery around the check")],
        ),
        // All policies that name the column go with it, and come back.
        Fault(
            OWNER,
            "CREATE TABLE shop.texts (\"Tenant\" text, note text); ALTER TABLE shop.texts ENABLE ROW LEVEL SECURITY;
             CREATE POLICY read ON shop.texts FOR SELECT TO saas_app USING (saas.has_tenant_permission(\"Tenant\"::uuid, 'tenant.read'));
             CREATE POLICY write ON shop.texts AS RESTRICTIVE FOR UPDATE
              USING (note <> '' AND saas.has_tenant_permission(\"Tenant\"::uuid, 'project.create'))
              WITH CHECK (\"Tenant\" IS NOT NULL)",
            &[("warning", "column \"Tenant\" of shop.texts", "it is no uuid")],
        ),
        // A condition beside it does no harm.
        Fault(
            OWNER,
            "ALTER POLICY app_read ON shop.documents
               USING (title <> ' OR ' AND (title = '' OR title <> 'x') AND saas.has_tenant_permission(tenant_id, 'tenant.read'))",
            &[],
        ),
    ]);
    // What lint can't mend, it says how to.
    let db = clean();
    let mut owner = db.owner();
    for condition in [
        "title = 'public' OR saas.has_tenant_permission(tenant_id, 'tenant.read')",
        "NOT saas.has_tenant_permission(tenant_id, 'tenant.read')",
        "saas.has_tenant_permission(coalesce(tenant_id, id), 'tenant.read')",
        "CASE WHEN title = '' THEN true ELSE saas.has_tenant_permission(tenant_id, 'tenant.read') END",
    ] {
        owner
            .batch_execute(&format!("ALTER POLICY app_read ON shop.documents USING ({condition})"))
            .unwrap();
        let found = lint(&mut owner);
        assert_eq!(found.len(), 1, "{condition}: {found:?}");
        let [severity, object, problem, fix] = &found[0];
        assert_eq!((&**severity, &**object), ("warning", "policy app_read on shop.documents"));
        assert!(problem.contains("something else than AND"), "{problem}");
        assert!(
            fix.starts_with(
                "Make saas.has_tenant_permission(column, 'permission') a condition of its own"
            ),
            "{fix}"
        );
    }
}

#[test]
fn lint_finds_keys_that_leave_the_tenant_out() {
    found_and_mended(&[
        Fault(
            OWNER,
            "ALTER TABLE shop.documents ADD CONSTRAINT one_title UNIQUE NULLS NOT DISTINCT (title);
             CREATE UNIQUE INDEX \"By Title\" ON shop.documents (lower(title), (title || '!')) WHERE title <> ''",
            &[
                ("warning", "constraint one_title on shop.documents", "unique over all tenants"),
                ("warning", "index shop.\"By Title\"", "unique over all tenants"),
            ],
        ),
        Fault(
            OWNER,
            "CREATE TABLE shop.numbers (tenant_id uuid, number int PRIMARY KEY, note text); SELECT saas.protect_table('shop.numbers', 'tenant.read')",
            &[("warning", "constraint numbers_pkey on shop.numbers", "unique over all tenants")],
        ),
        // What nobody can choose, or nobody meets.
        Fault(
            OWNER,
            "CREATE TABLE shop.numbers (tenant_id uuid, number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code uuid UNIQUE, UNIQUE (number, tenant_id));
             SELECT saas.protect_table('shop.numbers', 'tenant.read')",
            &[],
        ),
        Fault(
            OWNER,
            "CREATE TABLE shop.parts (tenant_id uuid, document_id uuid REFERENCES shop.documents ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
               parent_id uuid, id uuid PRIMARY KEY, owner_id uuid REFERENCES saas.users (id));
             ALTER TABLE shop.parts ADD CONSTRAINT tree FOREIGN KEY (parent_id) REFERENCES shop.parts ON DELETE CASCADE;
             SELECT saas.protect_table('shop.parts', 'tenant.read')",
            &[
                ("error", "constraint parts_document_id_fkey on shop.parts", "a row of another tenant in shop.documents"),
                ("error", "constraint tree on shop.parts", "a row of another tenant in shop.parts"),
            ],
        ),
        Fault(
            OWNER,
            "CREATE TABLE shop.parts (tenant_id uuid, project_id uuid, FOREIGN KEY (project_id, tenant_id) REFERENCES saas.projects (id, tenant_id));
             SELECT saas.protect_table('shop.parts', 'tenant.read')",
            &[],
        ),
    ]);
    // The key that comes out of it does what the old one did.
    let mut story = Story::new();
    story
        .data
        .batch_execute(
            "CREATE TABLE documents (tenant_id uuid, id uuid PRIMARY KEY DEFAULT saas.uuid_v7());
             CREATE TABLE parts (tenant_id uuid, document_id uuid REFERENCES documents ON DELETE SET NULL);
             SELECT saas.protect_table('documents', 'tenant.read'), saas.protect_table('parts', 'tenant.read');
             WITH new AS (INSERT INTO documents (tenant_id) SELECT id FROM saas.tenants RETURNING *) INSERT INTO parts SELECT tenant_id, id FROM new",
        )
        .unwrap();
    let found = lint(&mut story.data);
    assert_eq!(found.len(), 1, "{found:?}");
    story.data.batch_execute(&found[0][3]).unwrap();
    let other =
        "UPDATE parts p SET document_id = d.id FROM documents d WHERE p.tenant_id <> d.tenant_id";
    assert_sqlstate(story.data.batch_execute(other), "23503");
    story.data.batch_execute("DELETE FROM documents").unwrap();
    let kept: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM parts WHERE tenant_id IS NOT NULL AND document_id IS NULL",
        &[],
    );
    assert_eq!(kept, 2);
}

#[test]
fn lint_finds_views_that_read_as_their_owner() {
    found_and_mended(&[
        Fault(
            OWNER,
            "CREATE VIEW shop.titles AS SELECT title FROM shop.documents; GRANT SELECT ON shop.titles TO saas_app",
            &[("error", "view shop.titles", "it reads shop.documents as saas_owner, whoever asks")],
        ),
        Fault(
            OWNER,
            "CREATE VIEW shop.\"Names\" WITH (security_invoker = false) AS SELECT t.name, d.title FROM shop.documents d JOIN saas.tenants t ON t.id = tenant_id",
            &[(
                "warning",
                "view shop.\"Names\"",
                "it reads saas.tenants, shop.documents as saas_owner",
            )],
        ),
        // A view of a view: the inner one is at fault.
        Fault(
            OWNER,
            "CREATE VIEW shop.inner AS SELECT title FROM shop.documents; CREATE VIEW shop.outer WITH (security_invoker) AS SELECT * FROM shop.inner",
            &[("warning", "view shop.\"inner\"", "it reads shop.documents")],
        ),
        Fault(
            OWNER,
            "CREATE VIEW shop.plain AS SELECT 1; SELECT saas.create_domain_views('domain')",
            &[],
        ),
        Fault(
            OWNER,
            "CREATE VIEW shop.seen WITH (security_invoker) AS SELECT * FROM shop.documents;
             CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.seen;
             GRANT SELECT ON shop.kept TO saas_app; GRANT SELECT (title) ON shop.kept TO PUBLIC",
            &[("error", "materialized view shop.kept", "without policies, for PUBLIC, saas_app")],
        ),
        // The data owner's own.
        Fault(OWNER, "CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.documents", &[]),
    ]);
}

#[test]
fn lint_finds_roles_that_get_past_policies() {
    found_and_mended(&[
        Fault(
            SUPERUSER,
            "ALTER ROLE saas_gateway SUPERUSER BYPASSRLS CREATEROLE REPLICATION",
            &[
                ("error", "role saas_gateway", "BYPASSRLS"),
                ("error", "role saas_gateway", "it can give itself other roles"),
                ("error", "role saas_gateway", "it can read all changes"),
                ("error", "role saas_gateway", "a superuser"),
            ],
        ),
        Fault(
            SUPERUSER,
            "GRANT saas_owner TO saas_worker",
            &[("error", "role saas_worker", "as a member of saas_owner it can become saas_owner, the data owner")],
        ),
        // By a detour, and what the server brings along.
        Fault(
            SUPERUSER,
            "CREATE ROLE lint_group; CREATE ROLE lint_bypass BYPASSRLS; GRANT lint_bypass, postgres TO lint_group; GRANT lint_group TO saas_app;
             GRANT pg_read_all_data, pg_monitor TO saas_app",
            &[
                ("error", "role saas_app", "as a member of lint_group it can become lint_bypass, which has BYPASSRLS, and postgres, a superuser"),
                ("error", "role saas_app", "as a member of pg_read_all_data it can become pg_read_all_data, which reaches all tables"),
            ],
        ),
        Fault(
            SUPERUSER,
            "CREATE TABLE shop.own (a int); ALTER TABLE shop.own OWNER TO saas_app;
             CREATE ROLE lint_maker; GRANT lint_maker TO saas_gateway; CREATE VIEW shop.seen AS SELECT 1; ALTER VIEW shop.seen OWNER TO lint_maker",
            &[
                ("error", "table shop.own", "it belongs to saas_app: an owner is not bound"),
                ("error", "view shop.seen", "it belongs to lint_maker: an owner is not bound"),
            ],
        ),
    ]);
}

#[test]
fn lint_finds_who_may_make_temporary_tables() {
    let db = clean();
    let mut superuser = db.superuser();
    let name = db.name();
    for (grant, grantees) in [
        (format!("GRANT TEMPORARY ON DATABASE {name} TO PUBLIC"), "PUBLIC"),
        (
            format!("GRANT ALL ON DATABASE {name} TO saas_app, saas_worker, PUBLIC"),
            "PUBLIC, saas_app",
        ),
    ] {
        let mut attempt = superuser.transaction().unwrap();
        attempt.batch_execute(&grant).unwrap();
        let found = lint(&mut attempt);
        assert_eq!(found.len(), 1, "{found:?}");
        let [severity, object, problem, fix] = &found[0];
        assert_eq!((&**severity, &**object), ("warning", &*format!("database {name}")));
        assert!(problem.starts_with(&format!("{grantees}: TEMPORARY")), "{problem}");
        attempt.batch_execute(fix).unwrap();
        assert_eq!(lint(&mut attempt), <[Finding; 0]>::default());
    }
    // Nobody has access yet.
    let fresh = TestDb::new();
    assert_eq!(lint(&mut fresh.owner()), <[Finding; 0]>::default());
}

#[test]
fn lint_finds_a_data_owner_who_is_a_superuser() {
    let db = clean();
    let mut superuser = db.superuser();
    let mut attempt = superuser.transaction().unwrap();
    // Not the role that other tests use at the same time.
    attempt
        .batch_execute(&format!(
            "CREATE ROLE lint_super SUPERUSER; ALTER DATABASE {} OWNER TO lint_super; ALTER SCHEMA saas OWNER TO lint_super;
             DO $$ DECLARE t regclass; BEGIN
               FOR t IN SELECT oid FROM pg_class WHERE relnamespace IN ('saas'::regnamespace, 'shop'::regnamespace) AND relkind IN ('r', 'p', 'v')
               LOOP EXECUTE format('ALTER TABLE %s OWNER TO lint_super', t); END LOOP; END $$;
             SELECT saas.install()",
            db.name()
        ))
        .unwrap();
    let found = lint(&mut attempt);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&*found[0][0], &*found[0][1]), ("warning", "role lint_super"));
    mend(&mut attempt, &found);
    assert_eq!(lint(&mut attempt), <[Finding; 0]>::default(), "{found:?}");
    let owner: String = one(
        &mut attempt,
        "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'saas.tenants'::regclass",
        &[],
    );
    assert_eq!(owner, format!("{}_owner", db.name()));
}

#[test]
fn lint_finds_functions_whose_search_path_is_the_callers() {
    found_and_mended(&[
        Fault(
            OWNER,
            "CREATE FUNCTION shop.peek(text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM shop.documents';
             CREATE PROCEDURE shop.poke() LANGUAGE sql SECURITY DEFINER SET work_mem = '1MB' AS 'SELECT 1'",
            &[
                ("error", "function shop.peek(text)", "whatever search_path its caller has"),
                ("error", "function shop.poke()", "whatever search_path its caller has"),
            ],
        ),
        Fault(
            OWNER,
            "CREATE FUNCTION shop.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1';
             CREATE FUNCTION shop.plain() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
            &[],
        ),
    ]);
}

/// Whoever may look at invariants may look at this.
#[test]
fn lint_is_for_those_who_watch() {
    let mut story = Story::new();
    for kind in ["app", "gateway", "worker"] {
        assert_sqlstate(story.db.kind(kind).query("SELECT * FROM saas.lint()", &[]), "42501");
    }
    story.db.kind("auditor").query("SELECT * FROM saas.lint()", &[]).unwrap();
    let mut admin: Client = story.db.kind("admin");
    assert_sqlstate(admin.query("SELECT * FROM saas.lint()", &[]), "42501");
    for (person, may) in [(story.superadmin.clone(), true), (story.acme.owner.clone(), false)] {
        let mut request = asking(&mut admin, &person, None);
        let found = request.query("SELECT * FROM saas.lint()", &[]);
        if may {
            found.unwrap();
        } else {
            assert_sqlstate(found, "42501");
        }
    }
    // What it says is what the owner sees, whoever asks.
    let seen = lint(&mut story.data);
    assert_eq!(lint(&mut story.db.connect("saas_auditor")), seen);
}
