//! What was refused: noted when it is raised, and written to the audit log although the refusal undoes its transaction.
//!
//! Every error of this extension becomes PostgreSQL's in one place (`From<Error> for ErrorReport`), which calls [`note`].
//! The note is kept in the backend, outside of any transaction, until [`mod@write`] writes it: with the next commit, or when
//! the connection ends. So it survives rollbacks, savepoints and exception blocks; it is lost only with the backend's memory.

mod queue;
mod write;

use crate::commit;
use crate::context::setting::{self, Context};
use crate::error::{Error, Result};
use crate::iam::kind::{self, Kind};
use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReport;
use queue::{Denial, Queue, Who};
use std::cell::{Cell, RefCell};
use uuid::Uuid;

/// A gate that did not open.
const ACCESS: &str = "access.denied";
/// A request that did not begin.
const REQUEST: &str = "request.refused";
/// Longer reasons are cut.
const LONGEST: usize = 500;

thread_local! {
    static QUEUE: RefCell<Queue> = const { RefCell::new(Queue::new()) };
    static REGISTERED: Cell<bool> = const { Cell::new(false) };
    static ATTEMPT: RefCell<Option<Attempt>> = const { RefCell::new(None) };
}

/// A request that is about to begin.
struct Attempt {
    way: &'static str,
    /// The tenant that it is to be bound to.
    tenant: Option<Uuid>,
    /// Where a gateway says that it comes from.
    address: Option<String>,
    /// Who has proved to be asking, before anything else was looked at.
    known: Option<Context>,
}

/// Runs what begins a request: a refusal in it is that of a request, and names whom [`known`] has named.
///
/// `address` counts if the caller is a gateway: others would put the blame on somebody else.
pub fn attempt<T>(
    way: &'static str,
    tenant: Option<Uuid>,
    address: Option<pgrx::Inet>,
    work: impl FnOnce() -> Result<T>,
) -> std::result::Result<T, ErrorReport> {
    struct Before(Option<Attempt>);
    impl Drop for Before {
        fn drop(&mut self) {
            ATTEMPT.set(self.0.take());
        }
    }
    // Dropped while an error unwinds too.
    let _before =
        Before(ATTEMPT.replace(Some(Attempt { way, tenant, address: None, known: None })));
    work().map_err(|error| {
        if let Some(address) = address
            && kind::caller_is(&[Kind::Gateway]).unwrap_or(false)
        {
            ATTEMPT.with_borrow_mut(|attempt| {
                attempt.iter_mut().for_each(|attempt| attempt.address = Some(address.0.clone()));
            });
        }
        ErrorReport::from(error)
    })
}

/// The secret of the request that is about to begin is somebody's.
pub fn known(context: &Context) {
    ATTEMPT.with_borrow_mut(|attempt| {
        attempt.iter_mut().for_each(|attempt| attempt.known = Some(*context));
    });
}

/// Keeps a refusal to be written; other errors are none.
pub fn note(error: &Error) {
    let (sqlstate, permission, tenant, asked) = match error {
        Error::Denied(_) => ("42501", None, None, None),
        Error::Unauthenticated(_) | Error::Refused(_) => ("28000", None, None, None),
        Error::LackingOnPlatform(permission) => ("42501", Some(permission), None, None),
        Error::LackingInTenant { permission, tenant, is_member } => {
            ("42501", Some(permission), is_member.then_some(*tenant), Some(*tenant))
        }
        _ => return,
    };
    if !commit::may_keep() {
        return;
    }
    let reason = error.to_string().chars().take(LONGEST).collect();
    // SAFETY: reads a variable of the backend.
    let role = unsafe { pg_sys::GetUserId() }.to_u32();
    let of_gate = |context: Option<Context>| Denial {
        action: ACCESS,
        target_type: "permission",
        target: permission.cloned(),
        reason,
        sqlstate,
        who: context.map(who),
        tenant: tenant.or(context.and_then(|context| context.tenant)),
        role,
        address: None,
    };
    let (denial, context, asked) = ATTEMPT.with_borrow(|attempt| match attempt {
        Some(attempt) => {
            let denial = Denial {
                action: REQUEST,
                target_type: "request",
                target: Some(attempt.way.to_owned()),
                tenant: None,
                address: attempt.address.clone(),
                ..of_gate(attempt.known)
            };
            (denial, attempt.known, attempt.tenant)
        }
        None => {
            let context = setting::stated();
            (of_gate(context), context, asked)
        }
    });
    keep(denial, context.and_then(|context| context.request), asked);
}

/// A login that failed outside of the database.
pub fn failed_login(user: Option<Uuid>, address: Option<pgrx::Inet>, method: &str) {
    if !commit::may_keep() {
        return;
    }
    let as_user =
        |user| Who { user, actor: None, impersonation: None, session: None, by_key: false };
    // SAFETY: reads a variable of the backend.
    let role = unsafe { pg_sys::GetUserId() }.to_u32();
    let denial = Denial {
        action: REQUEST,
        target_type: "request",
        target: Some(method.to_owned()),
        reason: "a login failed".into(),
        sqlstate: "28000",
        who: user.map(as_user),
        tenant: None,
        role,
        address: address.map(|address| address.0),
    };
    keep(denial, None, None);
}

fn who(context: Context) -> Who {
    Who {
        user: context.user,
        actor: context.actor,
        impersonation: context.impersonation,
        session: context.session,
        by_key: context.role.is_some(),
    }
}

fn keep(denial: Denial, request: Option<Uuid>, asked: Option<Uuid>) {
    if !REGISTERED.replace(true) {
        write::register();
    }
    // SAFETY: reads the clock.
    let now = unsafe { pg_sys::GetCurrentTimestamp() };
    // What writes the notes down raises none of these; were it otherwise, it would not be noted.
    QUEUE.with(|queue| {
        if let Ok(mut queue) = queue.try_borrow_mut() {
            queue.note(denial, request, asked, now);
        }
    });
}
