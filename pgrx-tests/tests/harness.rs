//! The harness itself.

use postgres::Client;
use saas_core_tests::{OWNER, TestDb, assert_sqlstate};

fn who(client: &mut Client) -> (String, bool) {
    let sql = "SELECT rolname::text, rolsuper FROM pg_roles WHERE rolname = session_user";
    let row = client.query_one(sql, &[]).unwrap();
    (row.get(0), row.get(1))
}

#[test]
fn databases_are_separate_and_have_the_extension() {
    let (one, two) = (TestDb::new(), TestDb::new());
    one.superuser().batch_execute("CREATE TABLE here ()").unwrap();
    assert_sqlstate(two.superuser().batch_execute("TABLE here"), "42P01");
    two.superuser().query_one("SELECT FROM pg_extension WHERE extname = 'saas_core'", &[]).unwrap();
}

#[test]
fn the_owner_is_no_superuser() {
    let db = TestDb::new();
    assert_eq!(who(&mut db.owner()), (OWNER.into(), false));
    assert_eq!(who(&mut db.superuser()), ("postgres".into(), true));
    assert_sqlstate(db.owner().batch_execute("COPY pg_class TO '/dev/null'"), "42501");
}

#[test]
fn a_database_goes_with_its_value() {
    let db = TestDb::new();
    let name = db.name().to_owned();
    let _open = db.superuser();
    drop(db);
    let other = TestDb::new();
    let sql = "SELECT count(*) FROM pg_database WHERE datname = $1";
    assert_eq!(other.superuser().query_one(sql, &[&name]).unwrap().get::<_, i64>(0), 0);
}
