//! What this backend knows about permissions. When it forgets is for [`super::epoch`] to say.
//!
//! Everything is kept with the number of the last message when its loading began, and counts for as
//! long as no later message concerns it: so what was loaded while a message came in never counts.

use crate::context::session_limits::SessionLimits;
use crate::context::setting;
use crate::error::Result;
use crate::iam::bounded::Bounded;
pub use crate::iam::memberships::{Bits, Memberships};
use crate::iam::{epoch, fresh, load};
use crate::usage::metering::Metering;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use uuid::Uuid;

/// A user's system roles: permissions, and until when (PostgreSQL's microseconds).
pub type SystemRoles = Vec<(Bits, Option<i64>)>;

/// The role of an API key, and its permissions.
pub type KeyRole = (Uuid, Bits);

/// A user, the tenant that his request is bound to, the role of an API key, and a permission's bit.
pub type ArrayKey = (Uuid, Option<Uuid>, Option<Uuid>, usize);

/// Something, and the last message before it was loaded.
type Loaded<T> = Option<(u64, Rc<T>)>;

/// Permission keys that are there and their bits.
#[derive(Default)]
struct Keys {
    /// The last message to forget everything, when the first was learned.
    since: u64,
    known: Rc<HashMap<Box<str>, usize>>,
    /// Whether there are no others.
    all: bool,
}

impl Keys {
    fn current(&mut self) -> &mut Keys {
        let last = epoch::last(None);
        if self.since != last {
            *self = Keys { since: last, ..Keys::default() };
        }
        self
    }

    /// The bit of a key, or that there is no such key; `None` when neither is known.
    fn find(&mut self, key: &str) -> Option<Option<usize>> {
        let keys = self.current();
        let bit = keys.known.get(key).copied();
        (bit.is_some() || keys.all).then_some(bit)
    }

    fn learn(&mut self, key: &str, bit: usize, loaded_at: u64) {
        if loaded_at >= epoch::last(None) {
            Rc::make_mut(&mut self.current().known).insert(key.into(), bit);
        }
    }
}

struct Cache {
    keys: Keys,
    grants: Loaded<Vec<(pg_sys::Oid, String)>>,
    session_limits: Loaded<SessionLimits>,
    metering: Loaded<Metering>,
    roles: Bounded<Uuid, Bits>,
    memberships: Bounded<(Uuid, Option<Uuid>), Rc<Memberships>>,
    arrays: Bounded<ArrayKey, Rc<[u8]>>,
    system: Bounded<Uuid, Rc<SystemRoles>>,
    impersonations: Bounded<Uuid, bool>,
    time_zones: Bounded<Uuid, Rc<str>>,
}

impl Default for Cache {
    fn default() -> Self {
        // In all at most 20 MB a backend, and the keys of permissions and features; a user whose memberships alone
        // take more than a half of their share (250,000 tenants) is kept until the next one comes.
        const MB: usize = 1 << 20;
        Cache {
            keys: Keys::default(),
            grants: None,
            session_limits: None,
            metering: None,
            roles: Bounded::new(MB),
            memberships: Bounded::new(6 * MB),
            arrays: Bounded::new(2 * MB),
            system: Bounded::new(MB / 2),
            impersonations: Bounded::new(MB / 8),
            time_zones: Bounded::new(MB / 4),
        }
    }
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
    static HEARD_AT: Cell<i64> = const { Cell::new(0) };
}

/// Asks again when permissions changed while `ask` was loading them in parts, so that no answer is
/// made of two states.
pub fn consistently<T>(ask: impl Fn() -> Result<T>) -> Result<T> {
    listen();
    loop {
        let before = epoch::now();
        let answer = ask()?;
        if epoch::now() == before {
            return Ok(answer);
        }
        pgrx::check_for_interrupts!();
    }
}

/// Hears of other sessions' commits, once a statement: a long transaction would otherwise only hear
/// of them when it locks a table.
pub fn listen() {
    // SAFETY: what every lock of a table does as well.
    unsafe {
        let now = pg_sys::GetCurrentStatementStartTimestamp();
        if HEARD_AT.get() != now {
            HEARD_AT.set(now);
            pg_sys::AcceptInvalidationMessages();
        }
    }
}

/// Takes from the cache what no message has voided, or loads it and keeps it.
fn cached<T: Clone>(
    subject: Option<Uuid>,
    pick: impl Fn(&mut Cache, u64) -> Option<T>,
    load: impl FnOnce() -> Result<T>,
    keep: impl FnOnce(&mut Cache, T, u64),
) -> Result<T> {
    listen();
    if let Some(found) = CACHE.with_borrow_mut(|cache| pick(cache, epoch::last(subject))) {
        return Ok(found);
    }
    epoch::attend();
    let loaded_at = epoch::now();
    let loaded = load()?;
    CACHE.with_borrow_mut(|cache| keep(cache, loaded.clone(), loaded_at));
    Ok(loaded)
}

fn uuid_datum(id: Uuid) -> Option<pg_sys::Datum> {
    crate::context::from_uuid(id).into_datum()
}

fn since<T>(kept: &Loaded<T>, since: u64) -> Option<Rc<T>> {
    kept.as_ref().filter(|(loaded_at, _)| *loaded_at >= since).map(|(_, value)| Rc::clone(value))
}

/// Whose rights will be asked for next, so that they are loaded together with a permission.
#[derive(Clone, Copy)]
pub enum With {
    Nothing,
    /// Where this request may do it.
    Tenants,
    /// This user's system roles.
    System(Uuid),
}

/// The bit of a permission; `None` if there is no such key.
pub fn permission(key: &str, with: With) -> Result<Option<usize>> {
    listen();
    if let Some(found) = CACHE.with_borrow_mut(|cache| cache.keys.find(key)) {
        return Ok(found);
    }
    match with {
        With::Tenants => {
            if let Some(context) = setting::current()
                && known_memberships(context.user, context.tenant).is_none()
            {
                let (user, tenant) = (context.user, context.tenant);
                return Ok(load_memberships(user, tenant, context.role, key)?.permission);
            }
        }
        With::System(user) if known_system_roles(user).is_none() => {
            return Ok(load_system_roles(user, key)?.permission);
        }
        _ => {}
    }
    epoch::attend();
    let loaded_at = epoch::now();
    let found = load::permission(key)?;
    if let Some(bit) = found {
        CACHE.with_borrow_mut(|cache| cache.keys.learn(key, bit, loaded_at));
    }
    Ok(found)
}

/// All permission keys and their bits.
pub fn permissions() -> Result<Rc<HashMap<Box<str>, usize>>> {
    cached(
        None,
        |cache, _| {
            let keys = cache.keys.current();
            keys.all.then(|| Rc::clone(&keys.known))
        },
        || Ok(Rc::new(load::permissions()?)),
        |cache, known, loaded_at| {
            if loaded_at >= epoch::last(None) {
                cache.keys = Keys { since: epoch::last(None), known, all: true };
            }
        },
    )
}

/// How many roles a load tells PostgreSQL not to read again.
const FEW_ROLES: usize = 64;

/// Loads what is said of a user, and keeps what came with it.
fn load_with<T>(
    key: &str,
    load: impl FnOnce(&load::Known) -> Result<load::Found<T>>,
    keep: impl FnOnce(&mut Cache, &T, u64),
) -> Result<load::Found<T>> {
    epoch::attend();
    let loaded_at = epoch::now();
    let known = CACHE.with_borrow(|cache| cache.roles.some(epoch::last(None), FEW_ROLES));
    let found = load(&known)?;
    CACHE.with_borrow_mut(|cache| {
        keep(cache, &found.of_user, loaded_at);
        for (role, bits) in &found.roles {
            cache.roles.put(*role, bits.clone(), loaded_at, bits.bytes());
        }
        if let Some(bit) = found.permission {
            cache.keys.learn(key, bit, loaded_at);
        }
    });
    Ok(found)
}

/// The permissions of a role.
pub fn role(role: Uuid) -> Result<Bits> {
    cached(
        None,
        |cache, last| cache.roles.get(role, last),
        || load::role(role),
        |cache, bits, at| {
            let bytes = bits.bytes();
            cache.roles.put(role, bits, at, bytes);
        },
    )
}

fn known_memberships(user: Uuid, tenant: Option<Uuid>) -> Option<Rc<Memberships>> {
    let last = epoch::last(Some(user));
    CACHE.with_borrow_mut(|cache| cache.memberships.get((user, tenant), last))
}

fn load_memberships(
    user: Uuid,
    tenant: Option<Uuid>,
    key_role: Option<Uuid>,
    key: &str,
) -> Result<load::Found<Rc<Memberships>>> {
    load_with(
        key,
        |known| {
            // A role that is known comes from there.
            let key_role = key_role.filter(|role| !known.contains_key(role));
            let found = load::memberships(user, tenant, key_role, key, known)?;
            let load::Found { of_user, roles, permission } = found;
            Ok(load::Found { of_user: Rc::new(of_user), roles, permission })
        },
        |cache, memberships, at| {
            let bytes = memberships.bytes();
            cache.memberships.put((user, tenant), Rc::clone(memberships), at, bytes);
        },
    )
}

/// A user's tenants with his permissions in each; only `tenant` if one is given. Suspended and
/// deleted tenants and deleted users have none.
pub fn memberships(user: Uuid, tenant: Option<Uuid>) -> Result<Rc<Memberships>> {
    listen();
    match known_memberships(user, tenant) {
        Some(known) => Ok(known),
        None => Ok(load_memberships(user, tenant, None, "")?.of_user),
    }
}

/// The memberships of a request, and the permissions of its API key's role.
pub fn request(context: &setting::Context) -> Result<(Rc<Memberships>, Option<KeyRole>)> {
    listen();
    let (user, tenant) = (context.user, context.tenant);
    let memberships = match known_memberships(user, tenant) {
        Some(known) => known,
        None => load_memberships(user, tenant, context.role, "")?.of_user,
    };
    let key = context.role.map(|id| Ok::<_, crate::error::Error>((id, role(id)?))).transpose()?;
    Ok((memberships, key))
}

/// The array of the tenants in which `key` is permitted, as PostgreSQL has it in memory; `make` makes
/// it of what was loaded at `at`.
pub fn array(key: ArrayKey, at: u64, make: impl FnOnce() -> Rc<[u8]>) -> Rc<[u8]> {
    let last = epoch::last(Some(key.0));
    if let Some(array) = CACHE.with_borrow_mut(|cache| cache.arrays.get(key, last)) {
        return array;
    }
    let array = make();
    let bytes = array.len();
    CACHE.with_borrow_mut(|cache| cache.arrays.put(key, Rc::clone(&array), at, bytes));
    array
}

fn known_system_roles(user: Uuid) -> Option<Rc<SystemRoles>> {
    let last = epoch::last(Some(user));
    CACHE.with_borrow_mut(|cache| cache.system.get(user, last))
}

fn load_system_roles(user: Uuid, key: &str) -> Result<load::Found<Rc<SystemRoles>>> {
    load_with(
        key,
        |known| {
            let load::Found { of_user, roles, permission } = load::system_roles(user, key, known)?;
            Ok(load::Found { of_user: Rc::new(of_user), roles, permission })
        },
        |cache, roles, at| {
            let bytes = roles.iter().map(|(bits, _)| bits.bytes() + 16).sum();
            cache.system.put(user, Rc::clone(roles), at, bytes);
        },
    )
}

/// A user's system roles that are not revoked.
pub fn system_roles(user: Uuid) -> Result<Rc<SystemRoles>> {
    listen();
    match known_system_roles(user) {
        Some(known) => Ok(known),
        None => Ok(load_system_roles(user, "")?.of_user),
    }
}

/// Whether an impersonation has not been ended. When it runs out is for the context to say.
pub fn impersonation_is_open(id: Uuid) -> Result<bool> {
    cached(
        Some(id),
        |cache, last| cache.impersonations.get(id, last),
        || {
            let mut open = false;
            fresh::read(
                "SELECT i.id FROM saas.impersonation_sessions i WHERE i.id = $1 AND i.ended_at IS NULL",
                &[pg_sys::UUIDOID],
                &uuid_datum(id).into_iter().collect::<Vec<_>>(),
                |_| open = true,
            )?;
            Ok(open)
        },
        |cache, open, at| cache.impersonations.put(id, open, at, 0),
    )
}

/// Which database role has which kind of access.
pub fn access_grants() -> Result<Rc<Vec<(pg_sys::Oid, String)>>> {
    cached(
        None,
        |cache, last| since(&cache.grants, last),
        || {
            let mut grants = Vec::new();
            fresh::read("SELECT role_id::oid, kind FROM saas.access_grants", &[], &[], |row| {
                grants.extend(row.get::<pg_sys::Oid>(1).zip(row.get::<String>(2)));
            })?;
            Ok(Rc::new(grants))
        },
        |cache, grants, at| cache.grants = Some((at, grants)),
    )
}

/// How long sessions last by the settings.
pub fn session_limits() -> Result<Rc<SessionLimits>> {
    cached(
        None,
        |cache, last| since(&cache.session_limits, last),
        || {
            let mut limits = SessionLimits::default();
            fresh::read(
                "SELECT (extract(epoch FROM session_idle_timeout) * 1000000)::bigint,
                        (extract(epoch FROM session_lifetime_limit) * 1000000)::bigint
                   FROM saas.settings",
                &[],
                &[],
                |row| limits = SessionLimits { idle: row.get(1), lifetime: row.get(2) },
            )?;
            Ok(Rc::new(limits))
        },
        |cache, limits, at| cache.session_limits = Some((at, limits)),
    )
}

/// What counting usage goes by.
pub fn metering() -> Result<Rc<Metering>> {
    cached(
        None,
        |cache, last| since(&cache.metering, last),
        || Ok(Rc::new(Metering::load()?)),
        |cache, metering, at| cache.metering = Some((at, metering)),
    )
}

/// The time zone of a tenant, if there is one. That there is none is not kept: no message tells of a new tenant.
pub fn time_zone(tenant: Uuid) -> Result<Option<Rc<str>>> {
    cached(
        None,
        |cache, last| cache.time_zones.get(tenant, last).map(Some),
        || {
            let mut zone = None;
            fresh::read(
                "SELECT time_zone FROM saas.tenants WHERE id = $1 AND deleted_at IS NULL",
                &[pg_sys::UUIDOID],
                &uuid_datum(tenant).into_iter().collect::<Vec<_>>(),
                |row| zone = row.get::<String>(1).map(Rc::from),
            )?;
            Ok(zone)
        },
        |cache, zone: Option<Rc<str>>, at| {
            if let Some(zone) = zone {
                let bytes = zone.len();
                cache.time_zones.put(tenant, zone, at, bytes);
            }
        },
    )
}
