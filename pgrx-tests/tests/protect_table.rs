//! `saas.protect_table`: what it makes, whom it lets through, and that it makes it once.

use postgres::{Client, GenericClient};
use saas_core_tests::story::{Story, Tenant, asking, one};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::sync::{Arc, Barrier, Mutex};
use uuid::Uuid;

const PROTECT: &str =
    "SELECT saas.protect_table('shop.documents', read => 'tenant.read', write => 'project.create')";

/// An application's table with nothing on it, and a row in each tenant.
fn with_documents() -> Story {
    let mut story = Story::new();
    story.db.kind("app");
    story
        .data
        .batch_execute(
            "CREATE SCHEMA shop;
             CREATE TABLE shop.documents (tenant_id uuid, id uuid PRIMARY KEY DEFAULT saas.uuid_v7(), title text);
             INSERT INTO shop.documents (tenant_id, title) SELECT id, name FROM saas.tenants;
             GRANT USAGE ON SCHEMA shop TO saas_app;
             GRANT SELECT, INSERT, UPDATE, DELETE ON shop.documents TO saas_app",
        )
        .unwrap();
    story
}

/// Everything that hangs on the table, with its oid and the transaction that wrote it last.
fn looks(client: &mut impl GenericClient, table: &str) -> Vec<String> {
    let rows = client
        .query(
            "SELECT format('policy %s %s %s %s %s %s %s %s', p.oid, p.xmin, polname, polcmd, pg_get_expr(polqual, polrelid),
                           pg_get_expr(polwithcheck, polrelid), obj_description(p.oid, 'pg_policy'),
                           ARRAY(SELECT r::regrole::text FROM unnest(polroles) r ORDER BY 1)) FROM pg_policy p WHERE polrelid = $1::text::regclass
             UNION ALL
             SELECT format('trigger %s %s %s %s', oid, xmin, tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger
              WHERE tgrelid = $1::text::regclass AND NOT tgisinternal
             UNION ALL
             SELECT format('constraint %s %s %s', oid, xmin, pg_get_constraintdef(oid)) FROM pg_constraint WHERE conrelid = $1::text::regclass
             UNION ALL
             SELECT format('index %s %s %s', indexrelid, xmin, pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid = $1::text::regclass
             UNION ALL
             SELECT format('column %s %s %s', attname, xmin, attnotnull) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0
             UNION ALL
             SELECT format('table %s %s %s %s', oid, xmin, relrowsecurity, relforcerowsecurity) FROM pg_class WHERE oid = $1::text::regclass
             ORDER BY 1",
            &[&table],
        )
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The policies without their oids.
fn policies(client: &mut impl GenericClient, table: &str) -> Vec<String> {
    let rows = client
        .query(
            "SELECT concat_ws(' ', polname, polcmd, pg_get_expr(polqual, polrelid), '/', pg_get_expr(polwithcheck, polrelid), '/',
                              (SELECT string_agg(r::regrole::text, ',' ORDER BY r::regrole::text) FROM unnest(polroles) r))
               FROM pg_policy WHERE polrelid = $1::text::regclass ORDER BY polname",
            &[&table],
        )
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn titles(client: &mut impl GenericClient) -> Vec<String> {
    let rows = client.query("SELECT title FROM shop.documents ORDER BY title", &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_protected_table_lets_through_whom_it_should() {
    let mut story = with_documents();
    story.data.batch_execute(PROTECT).unwrap();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let mut app = story.db.connect("saas_app");
    assert!(titles(&mut app).is_empty(), "nobody is asking");
    assert!(titles(&mut asking(&mut app, &story.stranger, None)).is_empty());
    assert_eq!(titles(&mut asking(&mut app, &acme.guest, None)), ["acme"]);
    assert_eq!(titles(&mut asking(&mut app, &story.both, None)), ["acme", "globex"]);
    assert_eq!(titles(&mut asking(&mut app, &story.both, Some(&globex))), ["globex"]);

    let insert = "INSERT INTO shop.documents (tenant_id, title) VALUES ($1, 'new')";
    // A member writes in his tenant, nowhere else; a guest only reads.
    let mut request = asking(&mut app, &acme.member, None);
    assert_eq!(request.execute(insert, &[&acme.id]).unwrap(), 1);
    assert_eq!(request.execute("UPDATE shop.documents SET title = title || '!'", &[]).unwrap(), 2);
    assert_eq!(titles(&mut request), ["acme!", "new!"]);
    assert_eq!(request.execute("DELETE FROM shop.documents", &[]).unwrap(), 2);
    drop(request);
    let mut request = asking(&mut app, &acme.member, None);
    assert_sqlstate(request.execute(insert, &[&globex.id]), "42501");
    drop(request);
    let mut request = asking(&mut app, &acme.guest, None);
    assert_eq!(request.execute("UPDATE shop.documents SET title = 'x'", &[]).unwrap(), 0);
    assert_eq!(request.execute("DELETE FROM shop.documents", &[]).unwrap(), 0);
    assert_sqlstate(request.execute(insert, &[&acme.id]), "42501");
    drop(request);

    // The index is used as it stands.
    let mut request = asking(&mut app, &acme.member, None);
    request.batch_execute("SET LOCAL enable_seqscan = off").unwrap();
    let plan: Vec<String> = request
        .query("EXPLAIN (COSTS OFF) SELECT * FROM shop.documents", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(
        plan.join("\n").contains(
            "Index Cond: (tenant_id = ANY (saas.permitted_tenant_ids('tenant.read'::text)))"
        ),
        "{plan:?}"
    );
    drop(request);

    // Tenants that are not there, or none, have no rows.
    let other = story.data.execute(insert, &[&Uuid::new_v4()]);
    assert_sqlstate(other, "23503");
    assert_sqlstate(story.data.execute(insert, &[&None::<Uuid>]), "23502");
    // The owner is not bound by it, whoever asks through him.
    assert_eq!(titles(&mut story.data), ["acme", "globex"]);
    assert_eq!(titles(&mut asking(&mut story.data, &story.stranger, None)).len(), 2);
}

#[test]
fn protecting_twice_changes_nothing_and_other_permissions_follow() {
    let mut story = with_documents();
    story.data.batch_execute(PROTECT).unwrap();
    let before = looks(&mut story.data, "shop.documents");
    let made = |what: &str| before.iter().filter(|line| line.starts_with(what)).count();
    // A foreign key beside the primary key; on 18 what is not null is a constraint, too.
    assert_eq!((made("policy"), made("trigger"), made("index")), (4, 1, 2), "{before:#?}");
    assert!(
        before
            .iter()
            .any(|line| line.ends_with("FOREIGN KEY (tenant_id) REFERENCES saas.tenants(id)"))
    );
    story.data.batch_execute(PROTECT).unwrap();
    story.db.superuser().batch_execute(PROTECT).unwrap();
    // With keys by position, and a search path in which the table has no schema.
    story
        .data
        .batch_execute(
            "SET search_path = shop, saas; SELECT protect_table('documents', 'tenant.read', 'project.create', 'tenant_id'); RESET search_path",
        )
        .unwrap();
    story.data.batch_execute("SELECT saas.install()").unwrap();
    assert_eq!(looks(&mut story.data, "shop.documents"), before);

    let has = |key: &str| format!("saas.has_tenant_permission(tenant_id, '{key}'::text)");
    let (read, write) = (has("tenant.read"), has("project.create"));
    let written = |write: &str| {
        [
            format!("app_delete d {write} / / saas_app"),
            format!("app_insert a / {write} / saas_app"),
            format!("app_read r {read} / / saas_app"),
            format!("app_update w {write} / {write} / saas_app"),
        ]
    };
    assert_eq!(policies(&mut story.data, "shop.documents"), written(&write));
    let other = PROTECT.replace("project.create", "tenant.update");
    story.data.batch_execute(&other).unwrap();
    assert_eq!(policies(&mut story.data, "shop.documents"), written(&has("tenant.update")));
    // What stays the same is left alone.
    let of = |lines: &[String]| lines.iter().find(|line| line.contains(" app_read ")).cloned();
    assert_eq!(of(&looks(&mut story.data, "shop.documents")), of(&before));
    story
        .data
        .batch_execute("SELECT saas.protect_table('shop.documents', read => 'tenant.read')")
        .unwrap();
    assert_eq!(
        policies(&mut story.data, "shop.documents"),
        [format!("app_read r {read} / / saas_app")]
    );
    let mut app = story.db.connect("saas_app");
    let acme = story.acme.clone();
    let mut request = asking(&mut app, &acme.owner, None);
    assert_eq!(request.execute("DELETE FROM shop.documents", &[]).unwrap(), 0);
    assert_eq!(titles(&mut request), ["acme"]);
    drop(request);

    // What somebody took away comes back, piece by piece; what was changed is as it was.
    let whole = |client: &mut Client| {
        let without_numbers = |line: String| {
            let words = line.split(' ').filter(|word| word.parse::<u64>().is_err());
            words.collect::<Vec<_>>().join(" ")
        };
        let mut lines: Vec<_> =
            looks(client, "shop.documents").into_iter().map(without_numbers).collect();
        lines.sort();
        lines
    };
    story.data.batch_execute(PROTECT).unwrap();
    let wanted = whole(&mut story.data);
    for damage in [
        "ALTER TABLE shop.documents ALTER tenant_id DROP NOT NULL",
        "ALTER TABLE shop.documents DROP CONSTRAINT documents_tenant_id_fkey",
        "DROP INDEX shop.documents_tenant_id_idx",
        "DROP TRIGGER trg_tenant_fixed ON shop.documents",
        "ALTER TABLE shop.documents DISABLE TRIGGER trg_tenant_fixed",
        "DROP TRIGGER trg_tenant_fixed ON shop.documents;
         CREATE TRIGGER trg_tenant_fixed BEFORE UPDATE OF tenant_id ON shop.documents FOR EACH ROW EXECUTE FUNCTION saas.keep_tenant('id')",
        "DROP POLICY app_insert ON shop.documents",
        "ALTER POLICY app_read ON shop.documents USING (true)",
        "ALTER POLICY app_update ON shop.documents WITH CHECK (true)",
        "ALTER POLICY app_delete ON shop.documents TO PUBLIC",
        "ALTER TABLE shop.documents DISABLE ROW LEVEL SECURITY",
    ] {
        story.data.batch_execute(damage).unwrap();
        assert_ne!(whole(&mut story.data), wanted, "{damage}");
        story.data.batch_execute(PROTECT).unwrap();
        assert_eq!(whole(&mut story.data), wanted, "{damage}");
    }
    // What does not serve is not taken for what does.
    story
        .data
        .batch_execute(
            "DROP INDEX shop.documents_tenant_id_idx;
             CREATE INDEX hashed ON shop.documents USING hash (tenant_id);
             CREATE INDEX partial ON shop.documents (tenant_id) WHERE title <> '';
             CREATE INDEX second ON shop.documents (title, tenant_id)",
        )
        .unwrap();
    story.data.batch_execute(PROTECT).unwrap();
    assert!(
        whole(&mut story.data).iter().any(|line| line.contains("INDEX documents_tenant_id_idx ON"))
    );
    story.data.batch_execute("DROP INDEX shop.documents_tenant_id_idx; CREATE INDEX mine ON shop.documents (tenant_id, title)").unwrap();
    story.data.batch_execute(PROTECT).unwrap();
    assert!(
        !whole(&mut story.data)
            .iter()
            .any(|line| line.contains("INDEX documents_tenant_id_idx ON"))
    );
}

fn moves(
    client: &mut impl GenericClient,
    table: &str,
    from: &Tenant,
    to: &Tenant,
) -> Result<u64, postgres::Error> {
    client.execute(
        &format!("UPDATE {table} SET tenant_id = $1 WHERE tenant_id = $2"),
        &[&to.id, &from.id],
    )
}

#[test]
fn a_row_of_a_protected_table_stays_in_its_tenant() {
    let mut story = with_documents();
    let (acme, globex, both) = (story.acme.clone(), story.globex.clone(), story.both.clone());
    story
        .data
        .batch_execute(
            "CREATE TABLE shop.parts (tenant_id uuid NOT NULL, id int NOT NULL, PRIMARY KEY (tenant_id, id)) PARTITION BY HASH (tenant_id);
             CREATE TABLE shop.parts_0 PARTITION OF shop.parts FOR VALUES WITH (MODULUS 7, REMAINDER 0);
             INSERT INTO saas.tenants (name) SELECT 'tenant ' || i FROM generate_series(1, 20) i;
             GRANT ALL ON shop.parts TO saas_app;
             SELECT saas.protect_table('shop.parts', 'tenant.read', 'project.create')",
        )
        .unwrap();
    story.data.batch_execute(PROTECT).unwrap();
    // Partitions that come later are no way around it.
    for remainder in 1..7 {
        story
            .data
            .batch_execute(&format!(
                "CREATE TABLE shop.parts_{remainder} PARTITION OF shop.parts FOR VALUES WITH (MODULUS 7, REMAINDER {remainder})"
            ))
            .unwrap();
    }
    story.data.batch_execute("INSERT INTO shop.parts SELECT id, 1 FROM saas.tenants").unwrap();
    let mut app = story.db.connect("saas_app");
    for table in ["shop.documents", "shop.parts"] {
        // Whoever may write in both tenants is let through by the policies.
        let refused = moves(&mut asking(&mut app, &both, None), table, &acme, &globex);
        assert_sqlstate(refused, "55000");
        // So is the owner, also where triggers are switched off for replication.
        assert_sqlstate(moves(&mut story.data, table, &acme, &globex), "55000");
        let mut superuser = story.db.superuser();
        superuser.batch_execute("SET session_replication_role = replica").unwrap();
        assert_sqlstate(moves(&mut superuser, table, &acme, &globex), "55000");
    }
    // From each tenant to each other: some are in the same partition, most are not.
    let others = "UPDATE shop.parts p SET tenant_id = t.id FROM saas.tenants t WHERE p.tenant_id = $1 AND t.id = $2";
    let ids: Vec<Uuid> = one(&mut story.data, "SELECT array_agg(id) FROM saas.tenants", &[]);
    for to in ids.iter().filter(|id| **id != ids[0]) {
        assert_sqlstate(story.data.execute(others, &[&ids[0], to]), "55000");
    }
    // What a restore with --disable-triggers leaves of a partition's trigger is mended, too.
    story
        .data
        .batch_execute(
            "ALTER TABLE shop.parts_3 DISABLE TRIGGER USER; ALTER TABLE shop.parts_3 ENABLE TRIGGER USER;
             SELECT saas.protect_table('shop.parts', 'tenant.read', 'project.create')",
        )
        .unwrap();
    let weak: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM pg_trigger WHERE tgfoid = 'saas.keep_tenant()'::regprocedure AND tgenabled <> 'A' AND tgnargs > 0",
        &[],
    );
    assert_eq!(weak, 0);
    // What sets it to what it is, is no move.
    assert_eq!(moves(&mut story.data, "shop.documents", &acme, &acme).unwrap(), 1);
    // Another trigger that moves rows does not get past it.
    story
        .data
        .batch_execute(
            "CREATE FUNCTION shop.steal() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN NEW.tenant_id := (SELECT id FROM saas.tenants WHERE name = 'globex'); RETURN NEW; END $$;
             CREATE TRIGGER zzz_last BEFORE UPDATE ON shop.documents FOR EACH ROW EXECUTE FUNCTION shop.steal();
             CREATE TRIGGER steal BEFORE UPDATE ON shop.parts FOR EACH ROW EXECUTE FUNCTION shop.steal()",
        )
        .unwrap();
    let sql = "UPDATE shop.documents SET title = 'x' WHERE tenant_id = $1";
    assert_sqlstate(story.data.execute(sql, &[&acme.id]), "55000");
    assert_sqlstate(
        story.data.execute("UPDATE shop.parts SET id = 2 WHERE tenant_id = $1", &[&acme.id]),
        "55000",
    );
}

#[test]
fn roles_of_protected_tables_come_and_go_with_their_access() {
    let mut story = with_documents();
    story.data.batch_execute("SELECT saas.revoke_access('saas_app')").unwrap();
    story.data.batch_execute(PROTECT).unwrap();
    let named = |data: &mut Client| -> String {
        one(data, "SELECT string_agg(DISTINCT ARRAY(SELECT r::regrole::text FROM unnest(polroles) r ORDER BY 1)::text, ' ')
                     FROM pg_policy WHERE polrelid = 'shop.documents'::regclass AND polname LIKE 'app%'", &[])
    };
    assert_eq!(named(&mut story.data), "{saas_owner}");
    let mut app = story.db.connect("saas_app");
    assert!(titles(&mut app).is_empty());
    // Like a restored comment on somebody else's table: it does not stop granting.
    story
        .db
        .superuser()
        .batch_execute(
            "CREATE TABLE public.foreign (tenant_id uuid); CREATE POLICY app_read ON public.foreign USING (true);
             COMMENT ON POLICY app_read ON public.foreign IS 'Made by saas.protect_table, for roles of kind app and gateway.';
             CREATE POLICY admin_read ON shop.documents FOR SELECT TO saas_admin USING (false)",
        )
        .unwrap();
    story.db.grant("saas_app", "app");
    story.db.grant("saas_gateway", "gateway");
    story.db.grant("saas_worker", "worker");
    assert_eq!(named(&mut story.data), "{saas_app,saas_gateway}");
    let acme = story.acme.clone();
    assert_eq!(titles(&mut asking(&mut app, &acme.guest, None)), ["acme"]);
    story.data.batch_execute("SELECT saas.revoke_access('saas_gateway'); SELECT saas.grant_access('saas_app', 'worker')").unwrap();
    assert_eq!(named(&mut story.data), "{saas_owner}");
    assert!(titles(&mut app).is_empty());
    // Policies that nobody marked are nobody's but their maker's.
    let foreign: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM pg_policy WHERE polrelid = 'public.foreign'::regclass AND polroles = '{0}'
             OR polrelid = 'shop.documents'::regclass AND polname = 'admin_read' AND polroles = ARRAY['saas_admin'::regrole::oid]",
        &[],
    );
    assert_eq!(foreign, 2);
}

#[test]
fn names_of_protected_tables_are_whatever_they_are() {
    let mut story = with_documents();
    let acme = story.acme.clone();
    story
        .data
        .batch_execute(
            r#"CREATE SCHEMA "My ""Shop""";
               CREATE TABLE "My ""Shop"""."Order; DROP" ("Account's ""Id""" uuid, note text);
               INSERT INTO "My ""Shop"""."Order; DROP" SELECT id, name FROM saas.tenants;
               GRANT USAGE ON SCHEMA "My ""Shop""" TO saas_app; GRANT SELECT, UPDATE ON "My ""Shop"""."Order; DROP" TO saas_app"#,
        )
        .unwrap();
    let table = r#""My ""Shop"""."Order; DROP""#;
    let protect = "SELECT saas.protect_table($1::text::regclass, 'tenant.read', 'project.create', $2::text::name)";
    for _ in 0..2 {
        story.data.execute(protect, &[&table, &r#"Account's "Id""#]).unwrap();
    }
    let mut app = story.db.connect("saas_app");
    let mut request = asking(&mut app, &acme.member, None);
    assert_eq!(one::<i64>(&mut request, &format!("SELECT count(*) FROM {table}"), &[]), 1);
    drop(request);
    let both = story.both.clone();
    let mut request = asking(&mut app, &both, None);
    let moved =
        request.execute(&format!(r#"UPDATE {table} SET "Account's ""Id""" = $1"#), &[&acme.id]);
    assert_sqlstate(moved, "55000");
    drop(request);
    let before = looks(&mut story.data, table);
    story.data.execute(protect, &[&table, &r#"Account's "Id""#]).unwrap();
    assert_eq!(looks(&mut story.data, table), before);
    // Another column takes the first one's place.
    story.data.batch_execute(&format!("ALTER TABLE {table} ADD workspace uuid; UPDATE {table} SET workspace = \"Account's \"\"Id\"\"\"")).unwrap();
    story.data.execute(protect, &[&table, &"workspace"]).unwrap();
    let looks = looks(&mut story.data, table).join("\n");
    assert!(looks.contains("EXECUTE FUNCTION saas.keep_tenant('workspace')"), "{looks}");
    assert!(
        looks.contains("saas.has_tenant_permission(workspace, 'tenant.read'::text)"),
        "{looks}"
    );
}

#[test]
fn what_can_not_be_protected_is_refused() {
    let mut story = with_documents();
    story
        .data
        .batch_execute(
            "CREATE TABLE shop.texts (tenant_id text);
             CREATE VIEW shop.seen AS SELECT * FROM shop.documents;
             CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.documents;
             CREATE TABLE shop.parts (tenant_id uuid) PARTITION BY LIST (tenant_id);
             CREATE TABLE shop.part PARTITION OF shop.parts DEFAULT;
             CREATE TABLE shop.parent (tenant_id uuid); CREATE TABLE shop.child () INHERITS (shop.parent);
             CREATE TEMP TABLE passing (tenant_id uuid)",
        )
        .unwrap();
    story
        .db
        .superuser()
        .batch_execute(
            "CREATE TABLE shop.others (tenant_id uuid);
             CREATE FOREIGN DATA WRAPPER files; CREATE SERVER files FOREIGN DATA WRAPPER files;
             CREATE FOREIGN TABLE shop.file (tenant_id uuid) SERVER files",
        )
        .unwrap();
    for (arguments, error, says) in [
        ("'shop.texts', 'tenant.read'", "22023", "column tenant_id of shop.texts is no uuid"),
        (
            "'shop.documents', 'tenant.read', NULL, 'title'",
            "22023",
            "column title of shop.documents is no uuid",
        ),
        (
            "'shop.documents', 'tenant.read', NULL, 'nothing'",
            "22023",
            "shop.documents has no column nothing",
        ),
        (
            "'shop.documents', 'tenant.read', NULL, 'ctid'",
            "22023",
            "shop.documents has no column ctid",
        ),
        ("'shop.seen', 'tenant.read'", "22023", "shop.seen is no table"),
        ("'shop.kept', 'tenant.read'", "22023", "shop.kept is no table"),
        ("'shop.file', 'tenant.read'", "22023", "shop.file is no table"),
        ("'shop.documents_pkey', 'tenant.read'", "22023", "shop.documents_pkey is no table"),
        ("'shop.part', 'tenant.read'", "22023", "shop.part is a partition"),
        ("'shop.parent', 'tenant.read'", "22023", "by inheritance"),
        ("'shop.child', 'tenant.read'", "22023", "by inheritance"),
        ("'passing', 'tenant.read'", "22023", "passing is a temporary table"),
        ("'saas.projects', 'tenant.read'", "22023", "saas.projects is no table of an application"),
        ("'pg_catalog.pg_class', 'tenant.read'", "22023", "pg_class is no table of an application"),
        ("987654321::oid, 'tenant.read'", "22023", "there is no such table"),
        ("'shop.others', 'tenant.read'", "42501", "shop.others belongs to postgres"),
        ("'shop.nothing', 'tenant.read'", "42P01", ""),
        ("'shop.documents', 'tenant.reed'", "42704", "permission \"tenant.reed\" does not exist"),
        (
            "'shop.documents', 'tenant.read', 'project.creates'",
            "42704",
            "permission \"project.creates\" does not exist",
        ),
        ("'shop.documents', 'platform.tenant.read'", "22023", "is a permission of the platform"),
        ("NULL, 'tenant.read'", "23502", "table_name"),
        ("'shop.documents', NULL", "23502", "read"),
        ("'shop.documents', 'tenant.read', NULL, NULL", "23502", "tenant_column"),
    ] {
        for client in [&mut story.data, &mut story.db.superuser()] {
            if arguments.contains("passing") {
                client
                    .batch_execute("CREATE TEMP TABLE IF NOT EXISTS passing (tenant_id uuid)")
                    .unwrap();
            }
            let error = assert_sqlstate(
                client.batch_execute(&format!("SELECT saas.protect_table({arguments})")),
                error,
            );
            assert!(error.message().contains(says), "{arguments}: {error:?}");
        }
    }
    let nearest = assert_sqlstate(
        story.data.batch_execute("SELECT saas.protect_table('shop.documents', 'tenant.reed')"),
        "42704",
    );
    assert_eq!(nearest.hint(), Some("Did you mean \"tenant.read\"?"));
    // Rows that belong to nobody.
    for (rows, error) in [("VALUES (NULL::uuid)", "23502"), ("VALUES (gen_random_uuid())", "23503")]
    {
        story
            .data
            .batch_execute(&format!("INSERT INTO shop.documents (tenant_id) {rows}"))
            .unwrap();
        assert_sqlstate(story.data.batch_execute(PROTECT), error);
        story.data.batch_execute("DELETE FROM shop.documents WHERE title IS NULL").unwrap();
    }
    assert!(policies(&mut story.data, "shop.documents").is_empty(), "nothing is half done");

    // Nobody else, also not through a function of the owner's.
    for kind in ["app", "gateway", "worker", "auditor", "admin"] {
        assert_sqlstate(story.db.kind(kind).batch_execute(PROTECT), "42501");
    }
    story
        .data
        .batch_execute(&format!(
            "CREATE FUNCTION shop.protect() RETURNS void SECURITY DEFINER SET search_path = '' BEGIN ATOMIC {PROTECT}; END;
             GRANT EXECUTE ON FUNCTION shop.protect() TO saas_app"
        ))
        .unwrap();
    assert_sqlstate(story.db.connect("saas_app").batch_execute("SELECT shop.protect()"), "42501");
}

#[test]
fn a_protected_table_keeps_what_is_somebody_elses() {
    let mut story = with_documents();
    for (before, taken) in [
        ("CREATE POLICY app_read ON shop.documents USING (true)", "policy app_read"),
        ("CREATE POLICY app_delete ON shop.documents FOR DELETE USING (true)", "policy app_delete"),
        (
            "CREATE TRIGGER trg_tenant_fixed BEFORE UPDATE ON shop.documents FOR EACH ROW EXECUTE FUNCTION saas.touch_updated_at()",
            "trigger trg_tenant_fixed",
        ),
    ] {
        let mut attempt = story.data.transaction().unwrap();
        attempt.batch_execute(before).unwrap();
        let error = assert_sqlstate(attempt.batch_execute(PROTECT), "55000");
        assert!(error.message().starts_with(taken), "{error:?}");
    }
    // Policies joined by OR are told of, those that don't count for tenants are not.
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut config = postgres::Config::new();
    let host = std::env::var("PGHOST").unwrap();
    let notices = Arc::clone(&told);
    config.host(&host).user("postgres").dbname(story.db.name()).notice_callback(move |notice| {
        notices.lock().unwrap().push(format!("{} {}", notice.code().code(), notice.message()));
    });
    let mut client = config.connect(postgres::NoTls).unwrap();
    client.batch_execute("SET SESSION AUTHORIZATION saas_owner").unwrap();
    for (policy, is_told) in [
        ("AS RESTRICTIVE USING (true)", false),
        ("TO saas_admin USING (true)", false),
        ("TO saas_app USING (true)", true),
        ("FOR SELECT USING (true)", true),
    ] {
        client.batch_execute(&format!("CREATE POLICY mine ON shop.documents {policy}")).unwrap();
        client.batch_execute(PROTECT).unwrap();
        let expected: &[&str] = if is_told {
            &["01000 other policies of this table let rows through, too: mine"]
        } else {
            &[]
        };
        assert_eq!(*told.lock().unwrap(), expected, "{policy}");
        told.lock().unwrap().clear();
        client.batch_execute("DROP POLICY mine ON shop.documents").unwrap();
    }
}

#[test]
fn two_who_protect_one_table_at_once() {
    let mut story = with_documents();
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for turn in 0..4 {
            let (db, barrier): (&TestDb, _) = (&story.db, &barrier);
            scope.spawn(move || {
                let mut client = db.owner();
                barrier.wait();
                // And somebody who grants access meanwhile is in the policies.
                if turn == 3 {
                    db.grant("saas_gateway", "gateway")
                } else {
                    client.batch_execute(PROTECT).unwrap()
                }
            });
        }
    });
    let made = looks(&mut story.data, "shop.documents").join("\n");
    assert_eq!(made.matches("{saas_app,saas_gateway}").count(), 4, "{made}");
    assert_eq!(made.matches("trigger ").count(), 1, "{made}");
    assert_eq!(made.matches("REFERENCES saas.tenants").count(), 1, "{made}");
    assert_eq!(made.matches("\nindex ").count(), 2, "{made}");
    // Who begins while somebody is at it and has not committed waits, and finds it done.
    let mut first = story.data.transaction().unwrap();
    first.batch_execute("DROP POLICY app_read ON shop.documents").unwrap();
    first.batch_execute(PROTECT).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| story.db.owner().batch_execute(PROTECT));
        let mut watcher = story.db.superuser();
        while one::<i64>(&mut watcher, "SELECT count(*) FROM pg_locks WHERE NOT granted", &[]) == 0
        {
            std::thread::yield_now();
        }
        first.commit().unwrap();
        second.join().unwrap().unwrap();
    });
}
