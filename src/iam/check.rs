//! The questions that everything else asks: may the current user do this, in this tenant or on the platform?

use crate::context::setting::{self, Context};
use crate::error::{Error, Result, given};
use crate::iam::cache::{self, Bits, Memberships, With};
use crate::iam::epoch;
use pgrx::pg_sys;
use std::rc::Rc;
use uuid::Uuid;

/// A permission that exists.
pub struct Permission(usize);

impl Permission {
    /// Its bit in [`Bits`].
    pub fn bit(&self) -> usize {
        self.0
    }

    /// The permission of an argument. NULL is no answer but an error: `IF NOT has_…(NULL)` would pass.
    ///
    /// # Errors
    /// 23502 for NULL, and as [`Permission::named`].
    pub fn given(key: Option<&str>) -> Result<Permission> {
        Permission::in_tenants(given(key, "permission")?)
    }

    /// As [`Permission::named`]; where this request has it will be asked next.
    pub fn in_tenants(key: &str) -> Result<Permission> {
        Permission::with(key, With::Tenants)
    }

    /// As [`Permission::named`]; whether this user has it on the platform will be asked next.
    pub fn in_system(key: &str, user: Option<Uuid>) -> Result<Permission> {
        Permission::with(key, user.map_or(With::Nothing, With::System))
    }

    /// # Errors
    /// 42704 for a key that does not exist, with the nearest that does as hint: a typo in a policy must
    /// not look like a denial.
    pub fn named(key: &str) -> Result<Permission> {
        Permission::with(key, With::Nothing)
    }

    fn with(key: &str, with: With) -> Result<Permission> {
        if let Some(bit) = cache::permission(key, with)? {
            return Ok(Permission(bit));
        }
        let all = cache::permissions()?;
        let nearest = nearest(key, all.keys().map(|known| &**known));
        Err(Error::Unknown(format!("permission \"{key}\" does not exist"), nearest))
    }
}

/// Nothing that is longer is a key that was mistyped, and comparing takes time with the length.
const LONGEST_TYPO: usize = 200;

/// The known key that is most like `key`.
pub fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    if key.len() > LONGEST_TYPO {
        return None;
    }
    known
        .map(|known| (strsim::jaro_winkler(key, known), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|(_, known)| known.to_owned())
}

/// A gate in a parallel worker, where only somebody's function can have brought it that is wrongly marked PARALLEL SAFE,
/// answers nothing: what it refused there could not be kept for the log.
///
/// # Errors
/// 55000 in a parallel worker.
pub fn require_leader() -> Result<()> {
    // SAFETY: reads a variable of the backend.
    match unsafe { pg_sys::ParallelWorkerNumber } {
        0.. => Err(Error::State(
            "a permission is not required in a parallel worker".into(),
            "Mark the function that requires it PARALLEL RESTRICTED or PARALLEL UNSAFE.",
        )),
        _ => Ok(()),
    }
}

/// The context of this request.
///
/// # Errors
/// 28000 when there is none.
pub fn require_context() -> Result<Context> {
    require_leader()?;
    acting()?.ok_or(Error::Unauthenticated("no authenticated user in this transaction"))
}

/// The permission without which nobody enters, or stays in, an impersonation.
pub const IMPERSONATE: &str = "platform.user.impersonate";

/// The context, but for an impersonation that is over.
pub fn acting() -> Result<Option<Context>> {
    let Some(context) = setting::current() else { return Ok(None) };
    Ok(super::impersonation::over(&context)?.is_none().then_some(context))
}

/// Where the current request may do what. One statement's answers all come from it, for as long as
/// the epoch's stamp stays the same.
pub struct Scope {
    user: Uuid,
    bound: Option<Uuid>,
    memberships: Rc<Memberships>,
    /// A key has its own role, within what its user may by now.
    key: Option<cache::KeyRole>,
    /// The last message before it was loaded.
    at: u64,
}

impl Scope {
    /// Of the current request; `None` without a user.
    pub fn current() -> Result<Option<Scope>> {
        let Some(context) = acting()? else { return Ok(None) };
        cache::consistently(|| {
            let at = epoch::now();
            let (memberships, key) = cache::request(&context)?;
            Ok(Some(Scope { user: context.user, bound: context.tenant, memberships, key, at }))
        })
    }

    #[inline]
    pub fn allows(&self, tenant: &Uuid, permission: usize) -> bool {
        self.memberships.get(tenant).is_some_and(|membership| self.says(membership, permission))
    }

    /// Whether this request is about the tenant, among others.
    fn knows(&self, tenant: &Uuid) -> bool {
        self.memberships.get(tenant).is_some()
    }

    #[inline]
    fn says(&self, membership: &Bits, permission: usize) -> bool {
        membership.contains(permission)
            && self.key.as_ref().is_none_or(|(_, bits)| bits.contains(permission))
    }

    /// The tenants where it is allowed, in the order of their ids.
    pub fn tenants(&self, permission: usize) -> impl Iterator<Item = &Uuid> {
        let allowed = move |(_, membership): &(&Uuid, &Bits)| self.says(membership, permission);
        self.memberships.iter().filter(allowed).map(|(tenant, _)| tenant)
    }

    /// The same tenants as PostgreSQL's `uuid[]`.
    pub fn array(&self, permission: usize) -> Rc<[u8]> {
        let key = (self.user, self.bound, self.key.as_ref().map(|(id, _)| *id), permission);
        cache::array(key, self.at, || uuid_array(self.tenants(permission)))
    }
}

/// Of a `uuid[]` that is not empty.
const HEADER: usize = 24;

/// The ids in what [`uuid_array`] makes.
pub fn array_ids(array: &[u8]) -> &[[u8; 16]] {
    array.get(HEADER..).unwrap_or_default().as_chunks().0
}

/// What `construct_array` makes: a header, and 16 bytes for each.
pub fn uuid_array<'a>(ids: impl Iterator<Item = &'a Uuid>) -> Rc<[u8]> {
    let mut bytes = vec![0u8; HEADER];
    ids.for_each(|id| bytes.extend_from_slice(id.as_bytes()));
    let count = ((bytes.len() - HEADER) / 16) as u32;
    let (dimensions, lower_bound) = (count.min(1), count.min(1));
    // An empty array has no dimension, and so no length of it.
    bytes.truncate(if count == 0 { 16 } else { bytes.len() });
    let length = bytes.len() as u32;
    let length = if cfg!(target_endian = "big") { length } else { length << 2 };
    let header = [length, dimensions, 0, pg_sys::UUIDOID.to_u32(), count, lower_bound];
    for (word, place) in header.into_iter().zip(bytes[..].chunks_exact_mut(4)) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    bytes.into()
}

/// Whether the current user has the permission in `tenant`. False without a user, and false for a
/// tenant that this request is not bound to.
pub fn try_in_tenant(tenant: Uuid, permission: &Permission) -> Result<bool> {
    Ok(Scope::current()?.is_some_and(|scope| scope.allows(&tenant, permission.0)))
}

pub fn in_tenant(tenant: Uuid, permission: &Permission) -> bool {
    raise(try_in_tenant(tenant, permission))
}

pub fn in_system(permission: &Permission) -> bool {
    raise(try_in_system(permission))
}

pub fn authorized_tenant(permission: &Permission) -> Option<Uuid> {
    let tenant = setting::current()?.tenant?;
    in_tenant(tenant, permission).then_some(tenant)
}

/// Whether the current user holds a system role with the permission. Tenant roles never count here.
pub fn try_in_system(permission: &Permission) -> Result<bool> {
    match setting::current() {
        // An API key is a tenant's, and so has nothing to say on the platform. An impersonation opens
        // its tenant: whoever may impersonate does not take over the platform roles of his target.
        Some(context) if context.role.is_none() && context.actor.is_none() => {
            user_in_system(context.user, permission)
        }
        _ => Ok(false),
    }
}

/// The user whose rights on the platform this request's checks ask for.
pub fn asking_user() -> Option<Uuid> {
    setting::current().map(|context| context.user)
}

pub fn user_in_system(user: Uuid, permission: &Permission) -> Result<bool> {
    // SAFETY: reads a variable of the backend.
    let now = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    let roles = cache::consistently(|| cache::system_roles(user))?;
    Ok(roles
        .iter()
        .any(|(bits, until)| until.is_none_or(|until| now < until) && bits.contains(permission.0)))
}

/// Whether the user is one of the platform's: holds any system role now.
pub fn holds_system_role(user: Uuid) -> Result<bool> {
    // SAFETY: reads a variable of the backend.
    let now = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    let roles = cache::consistently(|| cache::system_roles(user))?;
    Ok(roles.iter().any(|(_, until)| until.is_none_or(|until| now < until)))
}

pub fn user_in_tenant(user: Uuid, tenant: Uuid, permission: &Permission) -> Result<bool> {
    let memberships = cache::consistently(|| cache::memberships(user, Some(tenant)))?;
    Ok(memberships.get(&tenant).is_some_and(|bits| bits.contains(permission.0)))
}

/// The gate of tenant actions.
///
/// # Errors
/// 42704 for an unknown key; 28000 without a user; 42501 without the permission, and the same for a tenant that does not exist.
pub fn require_in_tenant(tenant: Uuid, key: &str) -> Result<()> {
    let permission = Permission::in_tenants(key)?;
    require_context()?;
    if try_in_tenant(tenant, &permission)? {
        return Ok(());
    }
    lacking_in_tenant(tenant, key)
}

/// # Errors
/// 42501, always.
pub fn lacking_in_tenant<T>(tenant: Uuid, key: &str) -> Result<T> {
    let is_member = Scope::current()?.is_some_and(|scope| scope.knows(&tenant));
    Err(Error::LackingInTenant { permission: key.to_owned(), tenant, is_member })
}

/// The gate of platform actions.
///
/// # Errors
/// 42704 for an unknown key; 28000 without a user; 42501 without the permission.
pub fn require_in_system(key: &str) -> Result<()> {
    let permission = Permission::in_system(key, asking_user())?;
    require_context()?;
    if try_in_system(&permission)? {
        return Ok(());
    }
    Err(Error::LackingOnPlatform(key.to_owned()))
}

pub fn raise<T>(result: Result<T>) -> T {
    use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
    result.map_err(ErrorReport::from).unwrap_or_report()
}
