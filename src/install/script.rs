//! Running DDL so that running it again changes nothing.

use crate::error::{Error, Result};
use crate::{owner, sql};
use pgrx::pg_sys::NodeTag;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};

/// While it lives, what is created does not become a member of the extension.
pub struct Detached(bool);

impl Detached {
    /// Whether CREATE EXTENSION is at work.
    pub fn is_creating(&self) -> bool {
        self.0
    }

    pub fn enter() -> Detached {
        // SAFETY: a variable of the backend, which is single-threaded. On an error CREATE EXTENSION resets it itself.
        unsafe {
            let creating = pg_sys::creating_extension;
            pg_sys::creating_extension = false;
            Detached(creating)
        }
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: as above.
            unsafe { pg_sys::creating_extension = self.0 };
        }
    }
}

/// While it lives, what runs leaves nothing behind but rows and objects: settings are undone, and a
/// deferred trigger is refused, which would run at COMMIT with the rights of whoever commits.
pub struct Restricted {
    user: pg_sys::Oid,
    context: i32,
    nest_level: i32,
}

impl Restricted {
    pub fn enter() -> Restricted {
        let mut user = pg_sys::InvalidOid;
        let mut context = 0;
        // SAFETY: the calls that CREATE INDEX and REINDEX make for the same purpose. An error leaves
        // the restoring to the abort of the (sub)transaction.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let nest_level = pg_sys::NewGUCNestLevel();
            pg_sys::SetUserIdAndSecContext(
                user,
                context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32,
            );
            Restricted { user, context, nest_level }
        }
    }
}

impl Drop for Restricted {
    fn drop(&mut self) {
        // SAFETY: restores what `enter` saved; false throws away what was set since.
        unsafe {
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
            if !std::thread::panicking() {
                pg_sys::AtEOXact_GUC(false, self.nest_level);
            }
        }
    }
}

pub fn database_owner() -> Result<pg_sys::Oid> {
    let owner = sql::read_one::<pg_sys::Oid>(
        "SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
        &[],
    )?;
    owner.ok_or_else(|| Error::State("the database has no owner".into(), ""))
}

/// Refuses a schema in which somebody else has put something.
///
/// # Errors
/// 42501, naming the first such object.
pub fn refuse_strangers() -> Result<()> {
    run(include_str!("../../sql/install/strangers.sql"))
}

/// Gives the data owner what a superuser's CREATE EXTENSION or restore left with the superuser.
pub fn hand_over(owner: pg_sys::Oid) -> Result<()> {
    let statements =
        sql::read_rows(include_str!("../../sql/install/hand_over.sql"), &[owner.into()], |row| {
            Ok(row.get::<String>(1)?)
        })?;
    statements.into_iter().flatten().try_for_each(|statement| run(&statement))
}

/// Runs the statements of `text`, but for those that create what is there already.
pub fn run(text: &str) -> Result<()> {
    crate::sql::will_write();
    for (node, statement) in parse(text)? {
        // SAFETY: the parser's nodes live until the end of this call.
        if !unsafe { exists(node) }? {
            execute(&statement)?;
        }
    }
    Ok(())
}

/// Runs all statements of `text`: what is there already is an error.
pub fn run_all(text: &str) -> Result<()> {
    parse(text)?.iter().try_for_each(|(_, statement)| execute(statement))
}

fn execute(statement: &str) -> Result<()> {
    Ok(Spi::connect_mut(|client| client.update(statement, None, &[]).map(|_| ()))?)
}

/// Runs the statements that `query` returns.
pub fn run_generated(query: &'static str) -> Result<()> {
    for statement in sql::read_rows(query, &[], |row| Ok(row.get::<String>(1)?))? {
        run(&statement.unwrap_or_default())?;
    }
    Ok(())
}

/// Splits `text` with PostgreSQL's own parser.
fn parse(text: &str) -> Result<Vec<(*mut pg_sys::Node, String)>> {
    let source = CString::new(text).map_err(|e| Error::Invalid(e.to_string()))?;
    // SAFETY: the parser copies what it keeps, and its list lives in the current memory context for
    // as long as this call. Each node is read as the type that its tag says.
    Ok(unsafe {
        let list = pg_sys::raw_parser(source.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        let length = if list.is_null() { 0 } else { (*list).length };
        (0..length)
            .map(|i| {
                let raw = pg_sys::list_nth(list, i) as *mut pg_sys::RawStmt;
                let start = (*raw).stmt_location as usize;
                let rest = text.get(start..).unwrap_or_default();
                let len = match (*raw).stmt_len {
                    0 => rest.len(),
                    len => len as usize,
                };
                ((*raw).stmt, rest.get(..len).unwrap_or_default().trim().to_owned())
            })
            .collect()
    })
}

/// Whether what the statement creates is there already.
///
/// # Safety
/// `node` is a statement of the parser, in memory that still lives.
unsafe fn exists(node: *mut pg_sys::Node) -> Result<bool> {
    // SAFETY: the caller passes a statement node of the parser; names in it are NUL-terminated, or
    // NULL where our files leave them out, which they don't.
    unsafe {
        let named =
            |range: *mut pg_sys::RangeVar| owner::relation(CStr::from_ptr((*range).relname));
        Ok(match (*node).type_ {
            NodeTag::T_CreateStmt => named((*(node as *mut pg_sys::CreateStmt)).relation).is_some(),
            NodeTag::T_ViewStmt => named((*(node as *mut pg_sys::ViewStmt)).view).is_some(),
            NodeTag::T_IndexStmt => {
                owner::relation(CStr::from_ptr((*(node as *mut pg_sys::IndexStmt)).idxname))
                    .is_some()
            }
            NodeTag::T_CreateTrigStmt => {
                let statement = node as *mut pg_sys::CreateTrigStmt;
                named((*statement).relation).is_some_and(|table| {
                    pg_sys::get_trigger_oid(table, (*statement).trigname, true)
                        != pg_sys::InvalidOid
                })
            }
            NodeTag::T_CreatePolicyStmt => {
                let statement = node as *mut pg_sys::CreatePolicyStmt;
                let policy =
                    CStr::from_ptr((*statement).policy_name).to_string_lossy().into_owned();
                let Some(table) = named((*statement).table) else { return Ok(false) };
                sql::read_one::<bool>(
                    "SELECT EXISTS (SELECT FROM pg_policy WHERE polrelid = $1 AND polname = $2)",
                    &[table.into(), policy.into()],
                )? == Some(true)
            }
            _ => false,
        })
    }
}
