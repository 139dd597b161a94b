//! The kinds of access that database roles have.

use crate::error::{Error, Result};
use crate::iam::{cache, check};
use crate::owner;
use pgrx::pg_sys;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    App,
    Gateway,
    Worker,
    Auditor,
    Admin,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::App, Kind::Gateway, Kind::Worker, Kind::Auditor, Kind::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Kind::App => "app",
            Kind::Gateway => "gateway",
            Kind::Worker => "worker",
            Kind::Auditor => "auditor",
            Kind::Admin => "admin",
        }
    }

    pub fn named(name: &str) -> Result<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            Error::Invalid(format!(
                "\"{name}\" is no kind of access: app, gateway, worker, auditor or admin"
            ))
        })
    }
}

/// Whether the caller is the data owner or a database role of one of these kinds.
pub fn caller_is(kinds: &[Kind]) -> Result<bool> {
    if owner::caller_is_data_owner()? {
        return Ok(true);
    }
    // SAFETY: reads a variable of the backend.
    let caller = unsafe { pg_sys::GetUserId() };
    // Whoever has the data owner's rights, but not by himself, is in somebody's SECURITY DEFINER
    // function: it opens no gate, though superusers have the privileges of every role.
    // SAFETY: look-ups in the role catalogs.
    if unsafe { pg_sys::has_privs_of_role(caller, owner::data_owner()?) } {
        return Ok(false);
    }
    let grants = cache::access_grants()?;
    Ok(grants.iter().any(|(role, kind)| {
        kinds.iter().any(|wanted| wanted.name() == kind)
            // SAFETY: a look-up in the role catalogs.
            && unsafe { pg_sys::has_privs_of_role(caller, *role) }
    }))
}

/// # Errors
/// 42501 when the caller is neither the data owner nor of one of these kinds.
pub fn require(kinds: &[Kind]) -> Result<()> {
    check::require_leader()?;
    if caller_is(kinds)? {
        return Ok(());
    }
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    Err(Error::Denied(format!("a database role of kind {} is required", names.join(" or "))))
}
