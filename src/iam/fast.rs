//! The checks that policies make for every row, and the array that their index conditions take.
//!
//! They are PostgreSQL's own kind of C function instead of `#[pg_extern]`s, whose argument
//! conversions cost several times what the check costs. A call site (`fn_extra`) remembers who is
//! asking and what for; as long as neither statement, context nor permissions have changed, a row of
//! the tenant before takes a comparison, and one of another tenant a look-up of 16 bytes.
//!
//! Only that is done outside of pgrx's guard. All else may raise, and so goes behind it.

use crate::context::setting;
use crate::error::{Result, given};
use crate::iam::check::{self, Permission, Scope};
use crate::iam::{cache, epoch};
use pgrx::memcxt::PgMemoryContexts;
use pgrx::prelude::*;
use std::rc::Rc;
use uuid::Uuid;

/// What a call site remembers.
struct Memo {
    stamp: u64,
    statement: i64,
    /// The permission's text, if it is not a constant of the statement.
    key: Option<Box<[u8]>>,
    permission: usize,
    /// `None` without a user.
    scope: Option<Scope>,
    /// The tenant of the row before.
    tenant: Uuid,
    allowed: bool,
}

unsafe extern "C" {
    /// Reads a variable of the backend and can't raise: not worth pgrx's guard.
    fn GetCurrentStatementStartTimestamp() -> i64;
}

/// What PostgreSQL asks of a C function: which calling convention it has.
macro_rules! version_1 {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> *const pg_sys::Pg_finfo_record {
            static RECORD: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
            &RECORD
        }
    )* };
}
pub(super) use version_1;

version_1! {
    pg_finfo_saas_has_tenant_permission
    pg_finfo_saas_has_system_permission
    pg_finfo_saas_permitted_tenant_ids
    pg_finfo_saas_permitted_tenants
}

extension_sql!(
    "
CREATE FUNCTION saas.permitted_tenant_ids(permission text) RETURNS uuid[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'saas_permitted_tenant_ids';

-- The planner computes a function of constants while it estimates, and looks at each element of an array that it gets so:
-- one that returns a record it leaves alone. For users in many tenants it is given this one.
CREATE FUNCTION saas.permitted_tenants(permission text, OUT permitted_tenant_ids uuid[], OUT number integer)
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'saas_permitted_tenants';

CREATE FUNCTION saas.has_tenant_permission(tenant_id uuid, permission text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE SUPPORT saas.plan_tenant_permission
AS 'MODULE_PATHNAME', 'saas_has_tenant_permission';

CREATE FUNCTION saas.has_system_permission(permission text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'saas_has_system_permission';
",
    name = "fast_checks",
    requires = ["plan_tenant_permission"]
);

type Call = pg_sys::FunctionCallInfo;

/// # Safety
/// `call` is PostgreSQL's, of a function with more than `n` arguments.
#[inline(always)]
unsafe fn argument(call: Call, n: usize) -> pg_sys::NullableDatum {
    // SAFETY: as the caller says.
    unsafe { *(*call).args.as_ptr().add(n) }
}

/// The bytes of a text that is neither compressed nor out of line; `None` for one that is.
///
/// # Safety
/// `text` is a valid value of type text.
#[inline(always)]
unsafe fn plain_text<'a>(text: pg_sys::Datum) -> Option<&'a [u8]> {
    let text = text.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the header says what kind it is and how long.
    unsafe {
        if pgrx::varatt_is_1b_e(text) || pgrx::varatt_is_4b_c(text) {
            return None;
        }
        Some(pgrx::varlena_to_byte_slice(text))
    }
}

/// The memo of this call site, if it still holds for a permission in this argument.
///
/// # Safety
/// `call` is PostgreSQL's, with a text that is not NULL as argument `n`; nobody else used its `fn_extra`.
#[inline(always)]
unsafe fn memo<'a>(call: Call, n: usize) -> Option<&'a mut Memo> {
    // SAFETY: `fn_extra` is NULL or what `remember` put there.
    unsafe {
        let memo = ((*(*call).flinfo).fn_extra as *mut Memo).as_mut()?;
        if memo.stamp != epoch::stamp() || memo.statement != GetCurrentStatementStartTimestamp() {
            return None;
        }
        match &memo.key {
            None => Some(memo),
            Some(key) => (plain_text(argument(call, n).value)? == &**key).then_some(memo),
        }
    }
}

/// # Safety
/// Called by PostgreSQL as a function of (uuid, text).
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn saas_has_tenant_permission(call: Call) -> pg_sys::Datum {
    // SAFETY: arguments of the types that the function is declared with.
    unsafe {
        let (tenant, key) = (argument(call, 0), argument(call, 1));
        if tenant.isnull || key.isnull {
            return ask_tenant(call);
        }
        let Some(memo) = memo(call, 1) else { return ask_tenant(call) };
        let tenant = tenant.value.cast_mut_ptr::<Uuid>().read();
        if tenant != memo.tenant {
            memo.allowed =
                memo.scope.as_ref().is_some_and(|scope| scope.allows(&tenant, memo.permission));
            memo.tenant = tenant;
        }
        memo.allowed.into()
    }
}

/// # Safety
/// Called by PostgreSQL as a function of (text).
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn saas_has_system_permission(call: Call) -> pg_sys::Datum {
    // SAFETY: an argument of the type that the function is declared with.
    unsafe {
        if argument(call, 0).isnull {
            return ask_system(call);
        }
        match memo(call, 0) {
            Some(memo) => memo.allowed.into(),
            None => ask_system(call),
        }
    }
}

/// The permission's key in argument `n`.
///
/// # Safety
/// `call` is PostgreSQL's, with a text as argument `n`.
unsafe fn key<'a>(call: Call, n: usize) -> Result<&'a str> {
    // SAFETY: as the caller says.
    let key = unsafe {
        let argument = argument(call, n);
        <&str>::from_datum(argument.value, argument.isnull)
    };
    given(key, "permission")
}

/// # Safety
/// `call` is PostgreSQL's, of a function of (uuid, text).
#[inline(never)]
#[pg_guard]
unsafe extern "C-unwind" fn ask_tenant(call: Call) -> pg_sys::Datum {
    check::raise((|| {
        cache::listen();
        let stamp = epoch::stamp();
        // SAFETY: arguments of the types that the function is declared with.
        unsafe {
            let permission = Permission::in_tenants(key(call, 1)?)?.bit();
            let tenant = argument(call, 0);
            if tenant.isnull {
                return Ok(false.into());
            }
            let tenant = tenant.value.cast_mut_ptr::<Uuid>().read();
            let scope = Scope::current()?;
            let allowed = scope.as_ref().is_some_and(|scope| scope.allows(&tenant, permission));
            remember(
                call,
                1,
                Memo { stamp, statement: 0, key: None, permission, scope, tenant, allowed },
            );
            Ok(allowed.into())
        }
    })())
}

/// # Safety
/// `call` is PostgreSQL's, of a function of (text).
#[inline(never)]
#[pg_guard]
unsafe extern "C-unwind" fn ask_system(call: Call) -> pg_sys::Datum {
    check::raise((|| {
        cache::listen();
        let stamp = epoch::stamp();
        // SAFETY: an argument of the type that the function is declared with.
        unsafe {
            let permission = Permission::in_system(key(call, 0)?, check::asking_user())?;
            let allowed = check::try_in_system(&permission)?;
            let (permission, tenant) = (permission.bit(), Uuid::nil());
            remember(
                call,
                0,
                Memo { stamp, statement: 0, key: None, permission, scope: None, tenant, allowed },
            );
            Ok(allowed.into())
        }
    })())
}

/// # Safety
/// Called by PostgreSQL as a function of (text).
#[unsafe(no_mangle)]
#[pg_guard]
unsafe extern "C-unwind" fn saas_permitted_tenant_ids(call: Call) -> pg_sys::Datum {
    // SAFETY: an argument of the type that the function is declared with; the copy is PostgreSQL's, as
    // its functions' results are.
    unsafe {
        let array = permitted(call);
        let copy = pg_sys::palloc(array.len());
        copy.cast::<u8>().copy_from_nonoverlapping(array.as_ptr(), array.len());
        pg_sys::Datum::from(copy)
    }
}

/// # Safety
/// Called by PostgreSQL as a function of (text) that returns (uuid[], integer).
#[unsafe(no_mangle)]
#[pg_guard]
unsafe extern "C-unwind" fn saas_permitted_tenants(call: Call) -> pg_sys::Datum {
    // SAFETY: an argument and a result of the types that the function is declared with; the row is a copy.
    unsafe {
        let array = permitted(call);
        let mut descriptor = std::ptr::null_mut();
        pg_sys::get_call_result_type(call, std::ptr::null_mut(), &mut descriptor);
        let descriptor = pg_sys::BlessTupleDesc(descriptor);
        let count = check::array_ids(&array).len() as i32;
        let mut values = [pg_sys::Datum::from(array.as_ptr()), count.into()];
        let mut nulls = [false; 2];
        let row = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::heap_copy_tuple_as_datum(row, descriptor)
    }
}

/// # Safety
/// `call` is PostgreSQL's, with a text as argument 0.
unsafe fn permitted(call: Call) -> Rc<[u8]> {
    check::raise((|| {
        // SAFETY: as the caller says.
        let permission = Permission::in_tenants(unsafe { key(call, 0) }?)?.bit();
        Ok(match Scope::current()? {
            Some(scope) => scope.array(permission),
            None => check::uuid_array([].iter()),
        })
    })())
}

/// Leaves a memo at the call site, for the permission in argument `n`. Nothing is left when
/// permissions changed while it was made, nor under impersonation, which may be over from one row to
/// the next without a message.
///
/// # Safety
/// `call` is PostgreSQL's, with a text that is not NULL as argument `n`.
unsafe fn remember(call: Call, n: usize, memo: Memo) {
    if setting::current().is_some_and(|context| context.actor.is_some()) {
        return;
    }
    // SAFETY: as the caller says; a memo lives as long as the memory in which PostgreSQL keeps the
    // call site.
    unsafe {
        let site = (*call).flinfo;
        let key = if is_constant(site, n) {
            None
        } else {
            match plain_text(argument(call, n).value) {
                // Comparing would have to unpack it every time.
                None => return,
                key => key.map(Box::from),
            }
        };
        let statement = GetCurrentStatementStartTimestamp();
        let memo = Memo { statement, key, ..memo };
        match ((*site).fn_extra as *mut Memo).as_mut() {
            Some(place) => *place = memo,
            None => {
                let place = PgMemoryContexts::For((*site).fn_mcxt).leak_and_drop_on_delete(memo);
                (*site).fn_extra = place.cast();
            }
        }
    }
}

/// Whether an argument is a constant in the text of the statement.
///
/// # Safety
/// `site` is PostgreSQL's.
unsafe fn is_constant(site: *mut pg_sys::FmgrInfo, n: usize) -> bool {
    // SAFETY: `fn_expr` is NULL or the node of the call.
    unsafe {
        let call = (*site).fn_expr;
        if call.is_null() || (*call).type_ != pg_sys::NodeTag::T_FuncExpr {
            return false;
        }
        let argument = pg_sys::list_nth((*call.cast::<pg_sys::FuncExpr>()).args, n as i32);
        (*argument.cast::<pg_sys::Node>()).type_ == pg_sys::NodeTag::T_Const
    }
}
