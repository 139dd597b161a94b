//! PostgreSQL's own privileges. Who may call which function, and read and write which table, is in
//! `tests/surface/expected/privileges.tsv`, which suite `surface` tries; this is what goes beyond that list.

use postgres::Client;
use saas_core_tests::story::{Story, asking, one};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::collections::BTreeMap;

const KINDS: [&str; 5] = ["app", "gateway", "worker", "auditor", "admin"];

/// Secret columns of tables that may be read otherwise.
const SECRETS: &[(&str, &[&str])] = &[
    ("sessions", &["token_hash"]),
    ("accounts", &["password_hash", "access_token", "refresh_token", "id_token"]),
    ("tenant_invitations", &["token_hash"]),
    ("api_keys", &["key_hash"]),
    ("verifications", &["token_hash"]),
    ("jwt_keys", &["key"]),
    ("webhook_secrets", &["secret"]),
];

fn with_every_kind() -> TestDb {
    let db = TestDb::new();
    for kind in KINDS {
        db.kind(kind);
    }
    db
}

fn rows(client: &mut Client, sql: &str) -> Vec<Vec<String>> {
    client
        .query(sql, &[])
        .unwrap()
        .iter()
        .map(|row| {
            (0..row.len()).map(|i| row.get::<_, Option<String>>(i).unwrap_or_default()).collect()
        })
        .collect()
}

#[test]
fn public_has_nothing() {
    let db = with_every_kind();
    let granted = rows(
        &mut db.superuser(),
        "SELECT 'function', p.oid::regprocedure::text FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
          WHERE p.pronamespace = 'saas'::regnamespace AND a.grantee = 0
         UNION ALL
         SELECT 'relation', c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) a
          WHERE c.relnamespace = 'saas'::regnamespace AND a.grantee = 0
         UNION ALL
         SELECT 'column', c.attrelid::regclass || '.' || c.attname FROM pg_attribute c, aclexplode(c.attacl) a
          WHERE c.attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'saas'::regnamespace) AND a.grantee = 0
         UNION ALL
         SELECT 'schema', n.nspname::text FROM pg_namespace n, aclexplode(n.nspacl) a
          WHERE n.nspname = 'saas' AND a.grantee = 0",
    );
    assert!(granted.is_empty(), "{granted:?}");
    // Who has no kind does not get into the schema.
    db.superuser()
        .batch_execute(
            "DO $$ BEGIN CREATE ROLE without_a_kind LOGIN;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        )
        .unwrap();
    let mut nobody = db.connect("without_a_kind");
    for sql in ["SELECT saas.version()", "TABLE saas.projects", "SELECT saas.begin_request('x')"] {
        assert_sqlstate(nobody.batch_execute(sql), "42501");
    }
}

#[test]
fn nothing_runs_with_borrowed_rights() {
    let db = TestDb::new();
    let definers = rows(
        &mut db.superuser(),
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'saas'::regnamespace AND prosecdef",
    );
    assert!(definers.is_empty(), "{definers:?}");
    // What is written in PL/pgSQL looks up names in one place only.
    let loose = rows(
        &mut db.superuser(),
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
          WHERE p.pronamespace = 'saas'::regnamespace AND l.lanname = 'plpgsql' AND p.prokind = 'f'
            AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)",
    );
    assert!(loose.is_empty(), "{loose:?}");
    let views = rows(
        &mut db.superuser(),
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'saas'::regnamespace AND relkind IN ('v', 'm')
            AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)",
    );
    assert!(views.is_empty(), "{views:?}");
    let owned = rows(
        &mut db.superuser(),
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'saas'::regnamespace AND relkind <> 'c'
            AND relowner <> (SELECT oid FROM pg_roles WHERE rolname = 'saas_owner')",
    );
    assert!(owned.is_empty(), "{owned:?}");
}

#[test]
fn secrets_are_read_by_nobody() {
    let db = with_every_kind();
    // Whatever sounds like a secret is listed.
    let sounding = rows(
        &mut db.superuser(),
        "SELECT c.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
            AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'bytea'::regtype)
            AND a.attname ~ '(secret|token|hash|password|^key$)'
            AND a.attname NOT IN ('row_hash')
            AND NOT (a.attname = 'key' AND a.atttypid = 'text'::regtype)",
    );
    for column in sounding {
        let known = SECRETS
            .iter()
            .any(|(table, names)| *table == column[0] && names.contains(&&*column[1]));
        assert!(
            known,
            "{column:?} sounds like a secret: list it in SECRETS, or give it another name"
        );
    }
    for kind in KINDS {
        let mut client = db.connect(&format!("saas_{kind}"));
        for (table, columns) in SECRETS {
            for column in *columns {
                for sql in [
                    format!("SELECT {column} FROM saas.{table}"),
                    format!("SELECT FROM saas.{table} WHERE {column} IS NOT NULL"),
                    format!("SELECT count({column}) FROM saas.{table}"),
                    format!("SELECT FROM saas.{table} ORDER BY {column}"),
                    format!("SELECT * FROM saas.{table}"),
                    format!("SELECT t FROM saas.{table} t"),
                    format!("SELECT to_jsonb(t) FROM saas.{table} t"),
                    format!("SELECT (t).{column} FROM saas.{table} t"),
                    format!("COPY saas.{table} ({column}) TO STDOUT"),
                    format!("SELECT a.* FROM saas.{table} a JOIN saas.{table} b USING ({column})"),
                ] {
                    assert_sqlstate(client.batch_execute(&sql), "42501");
                }
            }
        }
        // Statistics don't tell either.
        let told =
            "SELECT count(*) FROM pg_stats WHERE schemaname = 'saas' AND attname LIKE '%hash%'";
        assert_eq!(one::<i64>(&mut client, told, &[]), 0);
    }
}

#[test]
fn nobody_writes_but_projects() {
    let story = Story::new();
    let db = &story.db;
    let tables = rows(
        &mut db.superuser(),
        "SELECT c.relname::text, (SELECT quote_ident(a.attname) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY attnum LIMIT 1),
                c.relkind::text
           FROM pg_class c WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p', 'v')",
    );
    assert!(tables.len() > 50);
    for kind in KINDS {
        let mut client = db.kind(kind);
        for table in &tables {
            let [name, column, relkind] = &table[..] else { unreachable!() };
            let mut statements = vec![
                format!("TRUNCATE saas.{name}"),
                format!("ALTER TABLE saas.{name} ADD x int"),
                format!(
                    "CREATE TRIGGER t BEFORE INSERT ON saas.{name} EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()"
                ),
                format!("CREATE POLICY p ON saas.{name}"),
                format!("CREATE RULE r AS ON INSERT TO saas.{name} DO INSTEAD NOTHING"),
                format!("CREATE INDEX ON saas.{name} ((1))"),
                format!("COMMENT ON TABLE saas.{name} IS 'mine'"),
                format!("DROP TABLE saas.{name}"),
            ];
            let writes = name == "projects" && ["app", "gateway"].contains(&kind)
                || name == "usage_ingest" && ["gateway", "worker"].contains(&kind);
            if !writes {
                statements.extend([
                    format!("COPY saas.{name} FROM STDIN"),
                    format!("DO $$ BEGIN LOCK TABLE saas.{name} IN ROW EXCLUSIVE MODE; END $$"),
                ]);
                if !column.is_empty() {
                    statements.extend([
                        format!("SELECT 1 FROM saas.{name} FOR UPDATE"),
                        format!("SELECT 1 FROM saas.{name} FOR KEY SHARE"),
                        format!("MERGE INTO saas.{name} t USING (SELECT 1) s ON false WHEN MATCHED THEN DELETE"),
                    ]);
                }
            }
            for sql in statements {
                let result = client.batch_execute(&sql);
                let code = result
                    .as_ref()
                    .err()
                    .and_then(|error| error.code())
                    .map(|code| code.code().to_owned());
                // What PostgreSQL refuses on any view or partitioned table counts as well.
                let allowed: &[&str] = match &**relkind {
                    "v" => &["42501", "42809", "0A000", "55000"],
                    _ => &["42501"],
                };
                assert!(
                    code.as_deref().is_some_and(|code| allowed.contains(&code)),
                    "{kind}: {sql}: {result:?}"
                );
            }
        }
        for sql in [
            "CREATE TABLE saas.mine ()",
            "CREATE FUNCTION saas.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE OR REPLACE FUNCTION saas.version() RETURNS text LANGUAGE sql AS 'SELECT 1'",
            "ALTER FUNCTION saas.version() RENAME TO mine",
            "DROP FUNCTION saas.version()",
            "ALTER SCHEMA saas RENAME TO mine",
            "DROP SCHEMA saas CASCADE",
            "DROP EXTENSION saas_core CASCADE",
            "ALTER EXTENSION saas_core UPDATE",
            "SELECT saas.install()",
            "REASSIGN OWNED BY saas_owner TO saas_app",
        ] {
            assert_sqlstate(client.batch_execute(sql), "42501");
        }
    }
    // The one table that is written; the view where usage is loaded has tests of its own.
    let mut app = db.connect("saas_app");
    let mut request = asking(&mut app, &story.acme.owner, None);
    let sql = "INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'p')";
    assert_eq!(request.execute(sql, &[&story.acme.id]).unwrap(), 1);
}

#[test]
fn another_kind_takes_the_first_ones_rights() {
    let db = TestDb::new();
    let rights = |role: &str| {
        let sql = "SELECT p.oid::regprocedure::text FROM pg_proc p
                    WHERE p.pronamespace = 'saas'::regnamespace AND has_function_privilege('ROLE', p.oid, 'EXECUTE')
                   UNION ALL
                   SELECT v || ' ' || c.relname || '.' || a.attname
                     FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) v,
                          pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                    WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p', 'v')
                      AND has_column_privilege('ROLE', c.oid, a.attnum, v)
                   UNION ALL
                   SELECT v || ' ' || c.relname FROM unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) v, pg_class c
                    WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p', 'v')
                      AND has_table_privilege('ROLE', c.oid, v)
                   UNION ALL
                   SELECT 'policy ' || polname || ' on ' || polrelid::regclass FROM pg_policy
                    WHERE (SELECT oid FROM pg_roles WHERE rolname = 'ROLE') = ANY (polroles)";
        let mut rights: Vec<_> = rows(&mut db.superuser(), &sql.replace("ROLE", role)).concat();
        rights.sort();
        rights
    };
    let mut direct = BTreeMap::new();
    for kind in KINDS {
        db.kind(kind);
        direct.insert(kind, rights(&format!("saas_{kind}")));
    }
    for first in KINDS {
        db.grant("changing_kind", first);
        for then in KINDS {
            db.grant("changing_kind", then);
            assert!(rights("changing_kind") == direct[then], "{first} became {then}");
        }
    }
    let count = "SELECT count(*) FROM saas.access_grants";
    assert_eq!(one::<i64>(&mut db.owner(), count, &[]), 6);
    // Given twice it is given once.
    db.grant("changing_kind", "app");
    db.grant("changing_kind", "app");
    assert_eq!(one::<i64>(&mut db.owner(), count, &[]), 6);
}

#[test]
fn no_argument_breaks_a_function_inside() {
    // NULL where a value must be, in every function that is not STRICT, by the data owner and with a context.
    let mut story = Story::new();
    let functions = rows(
        &mut story.data,
        "SELECT format(CASE p.prokind WHEN 'p' THEN 'CALL saas.%I(%s)' ELSE 'SELECT saas.%I(%s)' END, p.proname,
                       (SELECT string_agg('NULL::' || format_type(t, NULL), ', ') FROM unnest(p.proargtypes) t))
           FROM pg_proc p
          WHERE p.pronamespace = 'saas'::regnamespace AND p.prokind IN ('f', 'p') AND p.pronargs > 0
            AND p.prorettype <> 'trigger'::regtype",
    );
    assert!(functions.len() > 30);
    let mut complaints = Vec::new();
    for function in functions {
        for with_context in [false, true] {
            story.data.batch_execute("BEGIN").unwrap();
            if with_context {
                story
                    .data
                    .execute("SELECT saas.begin_request($1)", &[&story.superadmin.token])
                    .unwrap();
            }
            if let Err(error) = story.data.batch_execute(&function[0]) {
                let code = error.code().unwrap().code();
                if code.starts_with("XX") || code == "22004" {
                    complaints.push(format!("{} {code} {error:?}", function[0]));
                }
            }
            story.data.batch_execute("ROLLBACK").unwrap();
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
