//! The setting `saas.context`, which carries who is asking through one transaction.
//!
//! PostgreSQL keeps it: as a `SUSET` setting nobody but a superuser can `SET` it, as a local value it
//! ends with the transaction, comes back with a savepoint's rollback, and is copied to parallel
//! workers. The hooks parse it once and hand PostgreSQL the parsed form to keep beside the text, so
//! that whichever value PostgreSQL restores, its parsed form comes with it.

use crate::error::{Error, Result};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_void};
use uuid::Uuid;

/// Who is asking, for whom, and in which tenant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Whose rights apply: under impersonation the target.
    pub user: Uuid,
    /// The one tenant this request sees. Without it the request sees all tenants of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Uuid>,
    /// An API key's own role: it may what both this and the user's carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Uuid>,
    /// Under impersonation, who really acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonation: Option<Uuid>,
    /// An impersonation that may only look: it counts in a read-only transaction only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Uuid>,
    /// When it ends though the transaction goes on: microseconds as PostgreSQL counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

const NAME: &CStr = c"saas.context";
static TEXT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

thread_local! {
    static CURRENT: Cell<*const Context> = const { Cell::new(std::ptr::null()) };
}

/// Defines the setting. Called once a backend.
pub fn define() {
    // SAFETY: both hooks are guarded or can't panic.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            NAME,
            c"Who is asking, for this transaction.",
            c"Set by saas.begin_request and its kin only.",
            &TEXT,
            GucContext::Suset,
            GucFlags::NO_RESET_ALL | GucFlags::DISALLOW_IN_FILE,
            Some(check),
            Some(assign),
            None,
        );
        pg_sys::MarkGUCPrefixReserved(c"saas".as_ptr());
    }
}

/// The context of this transaction, if there is one and it has not run out.
pub fn current() -> Option<Context> {
    // SAFETY: PostgreSQL keeps what the pointer leads to for as long as the value is in force.
    let context = unsafe { CURRENT.get().as_ref() }?;
    // SAFETY: reads a variable of the backend.
    let now = || unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    context.until.is_none_or(|until| now() < until).then_some(*context)
}

/// The context of this transaction also when it has run out: for saying whom something was refused to.
pub fn stated() -> Option<Context> {
    // SAFETY: as above.
    unsafe { CURRENT.get().as_ref() }.copied()
}

/// Makes `context` that of the rest of this transaction; `None` ends it.
pub fn set(context: Option<&Context>) -> Result<()> {
    let text = match context {
        Some(context) => {
            serde_json::to_string(context).map_err(|e| Error::Invalid(e.to_string()))?
        }
        None => String::new(),
    };
    let text = CString::new(text).map_err(|e| Error::Invalid(e.to_string()))?;
    // SAFETY: NUL-terminated strings that outlive the call. PGC_SUSET is the right we lend; LOCAL
    // makes PostgreSQL undo it at the end of the transaction.
    unsafe {
        pg_sys::set_config_option(
            NAME.as_ptr(),
            text.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
    Ok(())
}

/// Refuses text that is no context, and hands PostgreSQL the parsed form to keep.
///
/// # Safety
/// Called by PostgreSQL with a value of the setting.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check(
    value: *mut *mut c_char,
    extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes a valid string or NULL, and a place for `extra`, which must be
    // allocated by the allocator that it frees settings with.
    unsafe {
        if (*value).is_null() || **value == 0 {
            return true;
        }
        let Ok(context) = serde_json::from_slice::<Context>(CStr::from_ptr(*value).to_bytes())
        else {
            return false;
        };
        let size = size_of::<Context>();
        #[cfg(feature = "pg15")]
        let place = libc::malloc(size) as *mut Context;
        #[cfg(not(feature = "pg15"))]
        let place = pg_sys::guc_malloc(pgrx::PgLogLevel::LOG as _, size) as *mut Context;
        if place.is_null() {
            return false;
        }
        place.write(context);
        *extra = place.cast();
        true
    }
}

/// # Safety
/// Called by PostgreSQL with what the check made of the value.
unsafe extern "C-unwind" fn assign(_value: *const c_char, extra: *mut c_void) {
    CURRENT.set(extra.cast_const().cast());
    crate::iam::epoch::context_changed();
}
