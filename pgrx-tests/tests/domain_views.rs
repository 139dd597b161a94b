//! `saas.create_domain_views`: the tables by their domain names, with the rights and rows of the tables.

use postgres::Client;
use saas_core_tests::story::{Story, asking, one};
use saas_core_tests::{TestDb, assert_sqlstate};

const MAKE: &str = "SELECT view_name, table_name FROM saas.create_domain_views('domain')";
const KINDS: [&str; 5] = ["app", "gateway", "worker", "auditor", "admin"];

/// The source document's second rename map.
const MAP: &[(&str, &str)] = &[
    ("users", "user"),
    ("sessions", "auth_sessions"),
    ("accounts", "auth_accounts"),
    ("verifications", "auth_verifications"),
    ("tenants", "tenants"),
    ("tenant_members", "tenant_memberships"),
    ("projects", "tenant_projects"),
    ("tenant_credit_ledger", "tenant_credit_ledger"),
    ("roles", "iam_roles"),
    ("permissions", "iam_permissions"),
    ("role_permissions", "iam_role_permissions"),
    ("system_role_assignments", "iam_system_role_grants"),
    ("break_glass_events", "platform_break_glass_events"),
    ("impersonation_sessions", "platform_impersonation_sessions"),
    ("plans", "billing_plans"),
    ("plan_features", "billing_plan_features"),
    ("tenant_subscriptions", "billing_subscriptions"),
    ("payment_customers", "billing_customers"),
    ("payment_one_times", "billing_one_time_payments"),
    ("payment_invoices", "billing_invoices"),
    ("payment_events", "billing_payment_events"),
    ("usage_records", "usage_counters"),
    ("usage_summaries", "usage_aggregates"),
    ("usage_fees", "usage_overage_fees"),
    ("platform_audit_logs", "audit_platform_actions"),
    ("security_events", "security_events"),
    ("incidents", "security_incidents"),
    ("user_consents", "privacy_user_consents"),
    ("privacy_requests", "privacy_subject_requests"),
    ("personal_data_registry", "privacy_data_inventory"),
];

fn make(client: &mut Client) -> Vec<(String, String)> {
    client.query(MAKE, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// What the schema looks like, with its grants.
fn looks(db: &TestDb) -> String {
    one(
        &mut db.superuser(),
        "SELECT string_agg(concat_ws(' ', c.relname, pg_get_viewdef(c.oid), c.reloptions, c.relowner::regrole, obj_description(c.oid),
                                     ARRAY(SELECT a::text FROM unnest(c.relacl) a ORDER BY 1)), E'\n' ORDER BY c.relname)
                || (SELECT ARRAY(SELECT a::text FROM unnest(nspacl) a ORDER BY 1) FROM pg_namespace WHERE nspname = 'domain')::text
           FROM pg_class c WHERE c.relnamespace = 'domain'::regnamespace",
        &[],
    )
}

#[test]
fn each_table_has_its_view() {
    let db = TestDb::new();
    let mut owner = db.owner();
    let made = make(&mut owner);
    for (table, view) in MAP {
        assert!(made.contains(&((*view).into(), (*table).into())), "{table} {view}: {made:?}");
    }
    let tables: i64 = one(
        &mut owner,
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'saas'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relnatts > 0",
        &[],
    );
    assert_eq!(made.len() as i64, tables);
    // They run as who reads them, and are the data owner's.
    let others: i64 = one(
        &mut owner,
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'domain'::regnamespace
            AND (relkind <> 'v' OR relowner <> 'saas_owner'::regrole OR NOT reloptions @> ARRAY['security_invoker=true'])",
        &[],
    );
    assert_eq!(others, 0);
    owner
        .batch_execute(
            "SELECT amount_delta, reference_type FROM domain.tenant_credit_ledger;
             SELECT units_used FROM domain.usage_counters;
             SELECT email FROM domain.user",
        )
        .unwrap();
    // Again, also by a superuser, changes nothing.
    let before = looks(&db);
    assert_eq!(make(&mut owner), made);
    assert_eq!(make(&mut db.superuser()), made);
    assert_eq!(looks(&db), before);
}

/// Whoever reads a table reads its view, and sees the same rows; what is denied there is denied here.
#[test]
fn views_show_what_the_tables_show() {
    let mut story = Story::new();
    story
        .data
        .execute(
            "INSERT INTO saas.projects (tenant_id, title) SELECT id, name FROM saas.tenants",
            &[],
        )
        .unwrap();
    // Some roles have their access before, some get it afterwards.
    for kind in ["app", "admin"] {
        story.db.kind(kind);
    }
    let made = make(&mut story.data);
    let mut read = 0;
    for kind in KINDS {
        let mut client = story.db.kind(kind);
        let person = if kind == "admin" { &story.superadmin } else { &story.acme.owner };
        for (view, table) in &made {
            let mut request = client.transaction().unwrap();
            if ["app", "gateway", "admin"].contains(&kind) {
                request.execute("SELECT saas.begin_request($1)", &[&person.token]).unwrap();
            }
            let (readable, wanted): (bool, bool) = {
                let row = request
                    .query_one(
                        "SELECT has_table_privilege('domain.' || quote_ident($1), 'SELECT'),
                                has_any_column_privilege('saas.' || $2, 'SELECT')",
                        &[view, table],
                    )
                    .unwrap();
                (row.get(0), row.get(1))
            };
            assert_eq!(readable, wanted, "{kind} {view}");
            let rows = format!("SELECT count(*) FROM domain.\"{view}\"");
            if readable {
                let seen: i64 = one(&mut request, &rows, &[]);
                // Not count(*) of the table, which needs no column that might be secret.
                let there: i64 =
                    one(&mut request, &format!("SELECT count(*) FROM saas.{table}"), &[]);
                assert_eq!(seen, there, "{kind} {view}");
                request.batch_execute(&format!("SELECT * FROM domain.\"{view}\"")).unwrap();
                read += seen;
            } else {
                assert_sqlstate(request.batch_execute(&rows), "42501");
            }
        }
    }
    assert!(read > 100, "{read}");
    // No secret is there, not even for the data owner.
    let secrets: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM information_schema.columns
          WHERE table_schema = 'domain' AND column_name IN ('password_hash', 'key_hash') OR
                table_schema = 'domain' AND table_name = 'auth_sessions' AND column_name = 'token_hash'",
        &[],
    );
    assert_eq!(secrets, 0);
}

#[test]
fn a_simple_view_can_be_written() {
    let mut story = Story::new();
    make(&mut story.data);
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &story.acme.owner, None);
    let insert = "INSERT INTO domain.tenant_projects (tenant_id, title) VALUES ($1, 'p')";
    assert_eq!(request.execute(insert, &[&story.acme.id]).unwrap(), 1);
    let update = "UPDATE domain.tenant_projects SET title = 'q'";
    assert_eq!(request.execute(update, &[]).unwrap(), 1);
    request.batch_execute("SAVEPOINT s").unwrap();
    assert_sqlstate(request.execute(insert, &[&story.globex.id]), "42501");
    request.batch_execute("ROLLBACK TO s").unwrap();
    assert_sqlstate(request.batch_execute("UPDATE domain.tenants SET name = 'x'"), "42501");
    request.batch_execute("ROLLBACK TO s").unwrap();
    assert_eq!(request.execute("DELETE FROM domain.tenant_projects", &[]).unwrap(), 1);
    drop(request);
    // A guest may not, nor may other kinds.
    let mut request = asking(&mut app, &story.acme.guest, None);
    assert_sqlstate(request.execute(insert, &[&story.acme.id]), "42501");
    drop(request);
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &story.superadmin, None);
    assert_sqlstate(request.execute(insert, &[&story.acme.id]), "42501");
}

#[test]
fn access_to_the_views_comes_and_goes_with_access() {
    let db = TestDb::new();
    let mut owner = db.owner();
    make(&mut owner);
    let role = format!("viewer_{}", std::process::id());
    let may = |owner: &mut Client, privilege: &str, relation: &str| -> bool {
        one(owner, &format!("SELECT has_{privilege}_privilege('{role}', '{relation}')"), &[])
    };
    let reads = |owner: &mut Client, view: &str| {
        may(owner, "any_column", &format!("domain.{view}', 'SELECT"))
    };
    db.grant(&role, "app");
    assert!(reads(&mut owner, "tenant_projects") && !reads(&mut owner, "security_incidents"));
    assert!(may(&mut owner, "table", "domain.tenant_projects', 'DELETE"));
    db.grant(&role, "auditor");
    assert!(!reads(&mut owner, "tenant_projects") && reads(&mut owner, "security_incidents"));
    assert!(!may(&mut owner, "table", "domain.tenant_projects', 'DELETE"));
    // The schema stays open while something else in it is the role's.
    owner
        .batch_execute(&format!(
            "CREATE TABLE domain.mine (); GRANT SELECT ON domain.mine TO {role}; SELECT saas.revoke_access('{role}')"
        ))
        .unwrap();
    assert!(may(&mut owner, "schema", "domain', 'USAGE"));
    owner
        .batch_execute(&format!(
            "DROP TABLE domain.mine; SELECT saas.grant_access('{role}', 'app'), saas.revoke_access('{role}')"
        ))
        .unwrap();
    assert!(!may(&mut owner, "schema", "domain', 'USAGE"));
    db.superuser().batch_execute(&format!("DROP ROLE {role}")).unwrap();
}

#[test]
fn only_the_data_owner_makes_them_where_he_may() {
    let db = TestDb::new();
    let mut owner = db.owner();
    for (schema, sqlstate) in [
        ("NULL", "23502"),
        ("''", "22023"),
        ("'saas'", "22023"),
        ("'pg_catalog'", "22023"),
        ("'pg_temp'", "22023"),
        ("'information_schema'", "22023"),
        ("'theirs'", "42501"),
        ("'taken'", "55000"),
        ("'alike'", "55000"),
    ] {
        db.superuser()
            .batch_execute(
                "CREATE SCHEMA IF NOT EXISTS theirs;
                 CREATE SCHEMA IF NOT EXISTS taken AUTHORIZATION saas_owner;
                 CREATE TABLE IF NOT EXISTS taken.tenants ();
                 CREATE SCHEMA IF NOT EXISTS alike AUTHORIZATION saas_owner;
                 CREATE OR REPLACE VIEW alike.tenants AS SELECT 1 AS a;
                 COMMENT ON VIEW alike.tenants IS 'The table saas.tenants by its domain name.'",
            )
            .unwrap();
        let sql = format!("SELECT saas.create_domain_views({schema})");
        assert_sqlstate(owner.batch_execute(&sql), sqlstate);
    }
    let left: i64 =
        one(&mut owner, "SELECT count(*) FROM pg_class WHERE relname = 'billing_invoices'", &[]);
    assert_eq!(left, 0);
    for kind in KINDS {
        let mut client = db.kind(kind);
        assert_sqlstate(client.batch_execute(MAKE), "42501");
    }
    // Public belongs to the database's owner, and a name is quoted.
    for schema in ["public", "My \"Views\"; --"] {
        let sql = "SELECT count(*) FROM saas.create_domain_views($1::text::name)";
        assert!(one::<i64>(&mut owner, sql, &[&schema]) > 40);
    }
}

#[test]
fn a_changed_table_has_a_changed_view() {
    let db = TestDb::new();
    let mut owner = db.owner();
    make(&mut owner);
    owner.batch_execute("ALTER TABLE saas.projects ADD color text").unwrap();
    make(&mut owner);
    owner.batch_execute("SELECT color FROM domain.tenant_projects").unwrap();
    // A column under another name can't be replaced: the view is made anew, but nothing else is dropped.
    owner.batch_execute("ALTER TABLE saas.projects RENAME color TO colour").unwrap();
    owner.batch_execute("CREATE VIEW mine AS SELECT title FROM domain.tenant_projects").unwrap();
    assert_sqlstate(owner.batch_execute(MAKE), "2BP01");
    owner.batch_execute("DROP VIEW mine").unwrap();
    make(&mut owner);
    owner.batch_execute("SELECT colour FROM domain.tenant_projects").unwrap();
    owner.batch_execute("DROP SCHEMA domain CASCADE").unwrap();
    make(&mut owner);
}
