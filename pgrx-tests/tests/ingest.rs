//! Bulk loads: COPY into `usage_ingest` follows the rules of `record_usage`, and says what it refused.

mod books;

use books::Books;
use postgres::Client;
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::one;
use std::io::Write;
use uuid::Uuid;

const COPY: &str =
    "COPY saas.usage_ingest (tenant_id, feature_key, units, event_id, occurred_at) FROM STDIN";

/// Loads lines; how many rows the server took in.
fn copy(client: &mut Client, sql: &str, lines: &str) -> Result<u64, postgres::Error> {
    let mut writer = client.copy_in(sql)?;
    writer.write_all(lines.as_bytes()).unwrap();
    writer.finish()
}

fn line(tenant: &str, feature: &str, units: i64, id: &str, at: &str) -> String {
    format!("{tenant}\t{feature}\t{units}\t{id}\t{at}\n")
}

impl Books {
    fn used_of(&mut self, tenant: Uuid) -> i64 {
        let sql =
            "SELECT coalesce(sum(units), 0)::bigint FROM saas.usage_totals WHERE tenant_id = $1";
        self.one(sql, &[&tenant])
    }

    fn refused(&mut self) -> Vec<String> {
        let sql = "SELECT concat_ws(' ', position, feature_key, units, event_id, sqlstate) FROM saas.usage_refused ORDER BY refused_at, position";
        self.data.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }
}

#[test]
fn a_load_counts_what_is_good_and_keeps_what_is_not() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let (a, p, january) = (acme.to_string(), "project.create", "2026-01-10Z");
    let nobody = Uuid::new_v4().to_string();
    let lines = [
        line(&a, p, 1, "a", january),
        line(&a, "project.crate", 1, "b", january),
        line(&a, p, 2, "c", january),
        line(&a, p, 2, "a", january), // seen before in this load, with another meaning
        line(&nobody, p, 1, "d", january),
        line(&a, p, -1, "e", january),
        line(&a, p, 4, "f", "2999-01-01Z"),
        format!("{a}\t{p}\t\\N\tg\t{january}\n"),
        line("\\N", p, 1, "h", january),
        line(&a, p, 8, "\\N", january),
        line(&a, p, 16, "i", "\\N"), // of now
    ];
    let mut worker = books.db.connect("saas_worker");
    assert_eq!(copy(&mut worker, COPY, &lines.concat()).unwrap(), 11);
    assert_eq!(books.used_of(acme), 1 + 2 + 8 + 16);
    assert_eq!(
        books.refused(),
        [
            "1 project.crate 1 b 42704",
            "4 project.create 1 d 23503",
            "5 project.create -1 e 22023",
            "6 project.create 4 f 22023",
            "7 project.create g 22023",
            "8 project.create 1 h 22023",
        ]
    );
    let message: String =
        books.one("SELECT message FROM saas.usage_refused WHERE position = 1", &[]);
    assert_eq!(message, "event 1: no plan has the feature \"project.crate\"");
    let conflicts = "saas.security_events WHERE kind = 'usage_event_conflict'";
    assert_eq!(books.count(conflicts), 1);
    // Of now is the period of now.
    let now: bool = books.one(
        "SELECT period = date_trunc('month', now())::date FROM saas.usage_events WHERE event_id = 'i'",
        &[],
    );
    assert!(now);
    // The whole again: only what has no id counts again. Who loads reads what was refused.
    assert_eq!(copy(&mut worker, COPY, &lines.concat()).unwrap(), 11);
    assert_eq!(books.used_of(acme), 1 + 2 + 8 + 16 + 8);
    assert_eq!(
        one::<i64>(&mut worker, "SELECT count(DISTINCT load_id) FROM saas.usage_refused", &[]),
        2
    );
    // What was mended is loaded from there.
    let sql = "INSERT INTO saas.usage_ingest SELECT DISTINCT tenant_id, 'project.create', units, event_id, occurred_at
                 FROM saas.usage_refused WHERE sqlstate = '42704'";
    worker.execute(sql, &[]).unwrap();
    assert_eq!(books.used_of(acme), 1 + 2 + 8 + 16 + 8 + 1);
    books.balanced();
}

/// More rows than are counted at once, with duplicates and bad ones on both sides of the seam; positions go on.
#[test]
fn a_long_load_is_counted_in_parts() {
    let mut books = Books::new();
    let tenants: Vec<Uuid> = (0..3).map(|_| books.subscribed("plus", "2026-01-01Z")).collect();
    let mut lines = String::new();
    for i in 0..25_000 {
        let tenant = tenants[i % 3].to_string();
        let id = format!("e{}", i % 20_000 / 3);
        let feature = if i % 9_999 == 4 { "unheard.of" } else { "project.create" };
        lines.push_str(&line(&tenant, feature, 1, &id, "2026-01-10Z"));
    }
    let mut worker = books.db.connect("saas_worker");
    assert_eq!(copy(&mut worker, COPY, &lines).unwrap(), 25_000);
    let positions: Vec<i64> =
        books.one("SELECT array_agg(position ORDER BY position) FROM saas.usage_refused", &[]);
    assert_eq!(positions, [4, 10_003, 20_002]);
    // An independent recount of the lines.
    let mut seen = std::collections::HashSet::new();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        if fields[1] == "project.create" {
            seen.insert((fields[0].to_owned(), fields[3].to_owned()));
        }
    }
    let total: i64 = tenants.iter().map(|tenant| books.used_of(*tenant)).sum();
    assert_eq!(
        (total, books.count("saas.usage_event_keys")),
        (seen.len() as i64, seen.len() as i64)
    );
    books.balanced();
}

#[test]
fn a_load_that_fails_leaves_nothing_behind() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let a = acme.to_string();
    let mut worker = books.db.connect("saas_worker");
    let good = line(&a, "project.create", 1, "a", "2026-01-10Z");
    // A line that is none, after one that is.
    let error = copy(&mut worker, COPY, &format!("{good}nonsense\n"));
    assert_sqlstate(error, "22P02");
    let error =
        copy(&mut worker, COPY, &format!("{good}no uuid\tproject.create\t1\tx\t2026-01-10Z\n"));
    assert_sqlstate(error, "22P02");
    assert_eq!((books.used_of(acme), books.count("saas.usage_event_keys")), (0, 0));
    // Undone within a transaction that goes on, and then done: what failed is not loaded with it.
    let mut transaction = worker.transaction().unwrap();
    let mut savepoint = transaction.savepoint("s").unwrap();
    let insert = "INSERT INTO saas.usage_ingest (tenant_id, feature_key, units, event_id)
                  SELECT $1, 'project.create', 10 / (3 - i), 'b' || i FROM generate_series(1, 3) i";
    assert_sqlstate(savepoint.execute(insert, &[&acme]), "22012");
    savepoint.rollback().unwrap();
    let insert = "INSERT INTO saas.usage_ingest (tenant_id, feature_key, units, event_id) VALUES ($1, 'project.create', 7, 'c')";
    transaction.execute(insert, &[&acme]).unwrap();
    transaction.commit().unwrap();
    assert_eq!((books.used_of(acme), books.count("saas.usage_event_keys")), (7, 1));
    // A load whose transaction is rolled back may come again.
    let mut transaction = worker.transaction().unwrap();
    transaction.execute(insert, &[&acme]).unwrap();
    let again = insert.replace("'c'", "'d'");
    transaction.execute(&again, &[&acme]).unwrap();
    transaction.rollback().unwrap();
    worker.execute(&again, &[&acme]).unwrap();
    assert_eq!(books.used_of(acme), 14);
    books.balanced();
}

/// A row of a load that is made by a function which loads as well, and one such function that fails and is caught.
#[test]
fn loads_within_loads_keep_their_rows_apart() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let mut worker = books.db.connect("saas_worker");
    worker
        .batch_execute(
            "CREATE FUNCTION pg_temp.load(tenant uuid, id text, bad boolean) RETURNS bigint LANGUAGE plpgsql AS $$
             BEGIN
               INSERT INTO saas.usage_ingest (tenant_id, feature_key, units, event_id)
               SELECT tenant, 'project.create', 100 / CASE WHEN bad AND i = 2 THEN 0 ELSE 1 END, id || i FROM generate_series(1, 2) i;
               RETURN 1;
             EXCEPTION WHEN division_by_zero THEN RETURN 1;
             END $$",
        )
        .unwrap();
    let sql = "INSERT INTO saas.usage_ingest (tenant_id, feature_key, units, event_id)
               SELECT $1, 'project.create', pg_temp.load($1, 'inner ' || i, i = 2), 'outer ' || i FROM generate_series(1, 3) i";
    worker.execute(sql, &[&acme]).unwrap();
    // Three rows of one, and two inner loads of two hundred.
    assert_eq!(books.used_of(acme), 3 + 2 * 200);
    assert_eq!(books.count("saas.usage_event_keys"), 3 + 4);
    books.balanced();
}

#[test]
fn who_may_load() {
    let mut story = saas_core_tests::story::Story::new();
    story
        .data
        .batch_execute(
            "INSERT INTO saas.plan_features (plan_id, feature_key, included_units) SELECT id, 'call', 1 FROM saas.plans WHERE key = 'free'",
        )
        .unwrap();
    let insert = "INSERT INTO saas.usage_ingest (tenant_id, feature_key, units, event_id) VALUES ($1, 'call', 1, $2)";
    for kind in ["app", "admin", "auditor"] {
        assert_sqlstate(story.db.kind(kind).execute(insert, &[&story.acme.id, &kind]), "42501");
    }
    // A request loads for its own tenant; what is another's is refused.
    let mut gateway = story.db.kind("gateway");
    let mut transaction = gateway.transaction().unwrap();
    transaction
        .execute("SELECT saas.begin_request_as($1, $2)", &[&story.acme.member.id, &story.acme.id])
        .unwrap();
    transaction.execute(insert, &[&story.acme.id, &"own"]).unwrap();
    transaction.execute(insert, &[&story.globex.id, &"other's"]).unwrap();
    assert_sqlstate(
        transaction.savepoint("s").unwrap().query("SELECT FROM saas.usage_refused", &[]),
        "42501",
    );
    transaction.commit().unwrap();
    let ids: Vec<String> =
        one(&mut story.data, "SELECT array_agg(event_id) FROM saas.usage_event_keys", &[]);
    assert_eq!(ids, ["own"]);
    let refused: String = one(
        &mut story.data,
        "SELECT string_agg(concat_ws(' ', event_id, sqlstate), ', ') FROM saas.usage_refused",
        &[],
    );
    assert_eq!(refused, "other's 42501");
    // Nothing is read, changed or deleted there, and the trigger is nobody's to hang elsewhere.
    let mut worker = story.db.kind("worker");
    for sql in [
        "SELECT FROM saas.usage_ingest",
        "DELETE FROM saas.usage_refused",
        "CREATE TEMPORARY TABLE t (tenant_id uuid); CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION saas.ingest_usage()",
    ] {
        assert_sqlstate(worker.batch_execute(sql), "42501");
    }
    // Not by its owner either, where it does not belong.
    let sql = "CREATE TABLE public.t (tenant_id uuid, feature_key text, units bigint, event_id text, occurred_at timestamptz);
               CREATE TRIGGER t BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION saas.ingest_usage();
               INSERT INTO public.t VALUES (NULL)";
    assert_sqlstate(story.data.batch_execute(sql), "55000");
}
