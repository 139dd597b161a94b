//! Tests that see what an application sees: real connections, commits, and roles that are no superusers.
//!
//! They run inside `scripts/cluster`, which `make rust` starts, against clones of its database `saas_template`:
//!
//! ```no_run
//! use saas_core_tests::{TestDb, assert_sqlstate};
//!
//! let db = TestDb::new();
//! let mut app = db.kind("app");
//! assert_sqlstate(app.execute("SET saas.context = ''", &[]), "42501");
//! ```

pub mod story;

use std::env;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};

use postgres::error::DbError;
use postgres::{Client, Config, NoTls};

/// The role that owns the databases and hence the data of the extension.
pub const OWNER: &str = "saas_owner";

/// A database of its own for one test, with the extension; dropped at the end.
pub struct TestDb {
    name: String,
}

impl TestDb {
    #[allow(clippy::new_without_default)] // it makes a database, which nobody expects of a default
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{count}", std::process::id());
        let template = env::var("SAAS_TEMPLATE").unwrap_or_else(|_| "saas_template".into());
        connect("postgres", "postgres")
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}"))
            .expect("clone the template");
        Self { name }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// For what only a superuser can do or look at. What is tested should come from one of the roles below.
    pub fn superuser(&self) -> Client {
        self.connect("postgres")
    }

    /// The data owner, without superuser rights: `SET SESSION AUTHORIZATION` leaves none.
    pub fn owner(&self) -> Client {
        let mut client = self.superuser();
        client
            .batch_execute(&format!("SET SESSION AUTHORIZATION {OWNER}"))
            .expect("become the owner");
        client
    }

    /// A connection of a role that may log in.
    pub fn connect(&self, role: &str) -> Client {
        connect(&self.name, role)
    }

    /// A connection of the role `saas_<kind>`, which has that kind of access and no other right in this database.
    pub fn kind(&self, kind: &str) -> Client {
        let role = format!("saas_{kind}");
        self.grant(&role, kind);
        self.connect(&role)
    }

    /// Makes a role that may log in, unless another test has made it (roles are the whole server's), and gives it a
    /// kind of access in this database.
    pub fn grant(&self, role: &str, kind: &str) {
        self.superuser()
            .batch_execute(&format!(
                "DO $$ BEGIN CREATE ROLE {role} LOGIN; \
                 EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            ))
            .expect("make the role");
        self.owner()
            .batch_execute(&format!("SELECT saas.grant_access('{role}'::regrole, '{kind}')"))
            .expect("grant access");
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let dropped = connect("postgres", "postgres")
            .batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        if let Err(error) = dropped {
            eprintln!("{} stays: {error}", self.name);
        }
    }
}

fn connect(database: &str, role: &str) -> Client {
    let host =
        env::var("PGHOST").expect("PGHOST is not set: run `make rust`, which starts a server");
    let port = env::var("PGPORT").ok().and_then(|port| port.parse().ok()).unwrap_or(5432);
    Config::new()
        .host(&host)
        .port(port)
        .user(role)
        .dbname(database)
        .connect(NoTls)
        .unwrap_or_else(|error| panic!("connect to {database} as {role}: {error:?}"))
}

/// The server's refusal, which must be of this SQLSTATE; returned for tests that look at its message or hint.
#[track_caller]
pub fn assert_sqlstate<T: Debug>(result: Result<T, postgres::Error>, sqlstate: &str) -> DbError {
    let error = match result {
        Ok(value) => panic!("expected SQLSTATE {sqlstate}, but it went through: {value:?}"),
        Err(error) => error,
    };
    let Some(db_error) = error.as_db_error() else {
        panic!("expected SQLSTATE {sqlstate}, but the connection failed: {error:?}");
    };
    assert_eq!(db_error.code().code(), sqlstate, "{db_error:?}");
    db_error.clone()
}
