//! Where rights come from: the one guard that acts as the data owner.
//!
//! The functions of this extension run with the rights of their caller. Where one must see or write
//! past those, it does so inside [`as_data_owner`], the way PostgreSQL's own foreign-key triggers do:
//! the user id is switched to the owner of the tables for the time of a closure. There is no
//! `SECURITY DEFINER` function, so nothing that a caller brings along (a search path, a function of
//! his own) ever runs with these rights.

use crate::error::{Error, Result};
use crate::install::version;
use pgrx::pg_sys;
use std::ffi::CStr;

/// Looks a relation of schema `saas` up by name, without regard to any search path.
pub fn relation(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: catalog look-ups with NUL-terminated names; missing_ok, so they answer InvalidOid.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(c"saas".as_ptr(), true);
        if schema == pg_sys::InvalidOid {
            return None;
        }
        pg_sys::get_relname_relid(name.as_ptr(), schema)
    };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// The owner of `saas.tenants`: the role that all data belongs to.
pub fn data_owner() -> Result<pg_sys::Oid> {
    let missing = || {
        Error::State(
            "the tables of saas_core are not installed in this database".into(),
            "Call saas.install() as the owner of the database.",
        )
    };
    let tenants = relation(c"tenants").ok_or_else(missing)?;
    // SAFETY: a valid cache id and key; the tuple is released before returning.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::RELOID as _,
            pg_sys::Datum::from(tenants),
        );
        if tuple.is_null() {
            return Err(missing());
        }
        let class = pg_sys::GETSTRUCT(tuple) as *const pg_sys::FormData_pg_class;
        let owner = (*class).relowner;
        pg_sys::ReleaseSysCache(tuple);
        Ok(owner)
    }
}

/// Whether the caller is the data owner, or a superuser, by himself.
///
/// Inside somebody's `SECURITY DEFINER` function that the data owner owns the answer is no, so that
/// such a function does not become a master key.
pub fn caller_is_data_owner() -> Result<bool> {
    // SAFETY: these read the state of the session and role catalogs only.
    unsafe {
        if pg_sys::InLocalUserIdChange() {
            return Ok(false);
        }
        let caller = pg_sys::GetUserId();
        Ok(pg_sys::superuser_arg(caller) || pg_sys::has_privs_of_role(caller, data_owner()?))
    }
}

/// Runs `work` with the rights of the data owner.
///
/// # Errors
/// 55000 when the tables are not installed, or of a version that this code does not work with; whatever
/// `work` returns.
pub fn as_data_owner<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let owner = data_owner()?;
    version::require_known()?;
    as_role(owner, work)
}

/// Runs `work` with the rights of `role`, and with a search path that nobody can put anything into.
/// [`as_data_owner`] is what to use; installing is the one case where the tables that tell the
/// owner are not there yet.
pub fn as_role<T>(role: pg_sys::Oid, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let guard = Guard::enter(role);
    let result = work();
    drop(guard);
    result
}

struct Guard {
    user: pg_sys::Oid,
    context: i32,
    nest_level: i32,
}

impl Guard {
    fn enter(role: pg_sys::Oid) -> Guard {
        let mut user = pg_sys::InvalidOid;
        let mut context = 0;
        // SAFETY: the calls that ri_triggers.c makes for the same purpose. An error below leaves the
        // restoring to the abort of the (sub)transaction.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let nest_level = pg_sys::NewGUCNestLevel();
            pg_sys::set_config_option(
                c"search_path".as_ptr(),
                c"pg_catalog, pg_temp".as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
            pg_sys::SetUserIdAndSecContext(
                role,
                context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32,
            );
            Guard { user, context, nest_level }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // SAFETY: restores what `enter` saved. While an error unwinds, settings are left to the abort
        // of the (sub)transaction, which knows better what to restore. `true` keeps settings that
        // `work` made for the transaction.
        unsafe {
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
            if !std::thread::panicking() {
                pg_sys::AtEOXact_GUC(true, self.nest_level);
            }
        }
    }
}

/// Whether the caller is free of gates: the data owner by himself, without a context. With a context
/// he is whom the context names.
pub fn caller_is_free() -> Result<bool> {
    Ok(crate::context::setting::current().is_none() && caller_is_data_owner()?)
}
