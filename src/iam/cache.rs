//! What this backend knows about permissions. When it forgets is for [`super::epoch`] to say.
//!
//! Everything is kept with the number of the last message when its loading began, and counts for as
//! long as no later message concerns it: so what was loaded while a message came in never counts.

use crate::error::Result;
use crate::iam::bounded::Bounded;
pub use crate::iam::memberships::{Bits, Memberships};
use crate::iam::{epoch, fresh};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use uuid::Uuid;

/// A user's system roles: permissions, and until when (PostgreSQL's microseconds).
pub type SystemRoles = Vec<(Bits, Option<i64>)>;

/// A user, the tenant that his request is bound to, the role of an API key, and a permission's bit.
pub type ArrayKey = (Uuid, Option<Uuid>, Option<Uuid>, usize);

/// Something, and the last message before it was loaded.
type Loaded<T> = Option<(u64, Rc<T>)>;

struct Cache {
    permissions: Loaded<HashMap<Box<str>, usize>>,
    grants: Loaded<Vec<(pg_sys::Oid, String)>>,
    roles: Bounded<Uuid, Bits>,
    memberships: Bounded<(Uuid, Option<Uuid>), Rc<Memberships>>,
    arrays: Bounded<ArrayKey, Rc<[u8]>>,
    system: Bounded<Uuid, Rc<SystemRoles>>,
    impersonations: Bounded<Uuid, bool>,
}

impl Default for Cache {
    fn default() -> Self {
        // In all at most 20 MB a backend; a user whose memberships alone take more than a half of
        // their share (250,000 tenants) is kept until the next one comes.
        const MB: usize = 1 << 20;
        Cache {
            permissions: None,
            grants: None,
            roles: Bounded::new(MB),
            memberships: Bounded::new(6 * MB),
            arrays: Bounded::new(2 * MB),
            system: Bounded::new(MB / 2),
            impersonations: Bounded::new(MB / 8),
        }
    }
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
    static HEARD_AT: Cell<i64> = const { Cell::new(0) };
    // Which bit stands for which key. Only ever added to, so that a bit means the same in everything
    // that was loaded, whenever it was.
    static BITS: RefCell<HashMap<Box<str>, usize>> = RefCell::default();
}

fn bit(key: &str) -> usize {
    BITS.with_borrow_mut(|bits| match bits.get(key) {
        Some(&bit) => bit,
        None => {
            let bit = bits.len();
            bits.insert(key.into(), bit);
            bit
        }
    })
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

fn uuid_datums(ids: &[Uuid]) -> Option<pg_sys::Datum> {
    ids.iter().copied().map(crate::context::from_uuid).collect::<Vec<_>>().into_datum()
}

fn since<T>(kept: &Loaded<T>, since: u64) -> Option<Rc<T>> {
    kept.as_ref().filter(|(loaded_at, _)| *loaded_at >= since).map(|(_, value)| Rc::clone(value))
}

/// All permission keys and their bits.
pub fn permissions() -> Result<Rc<HashMap<Box<str>, usize>>> {
    cached(
        None,
        |cache, last| since(&cache.permissions, last),
        || {
            let mut all = HashMap::new();
            fresh::read("SELECT key FROM saas.permissions", &[], &[], |row| {
                if let Some(key) = row.get::<String>(1) {
                    let bit = bit(&key);
                    all.insert(key.into_boxed_str(), bit);
                }
            })?;
            Ok(Rc::new(all))
        },
        |cache, permissions, at| cache.permissions = Some((at, permissions)),
    )
}

const ROLES: &str = "
    SELECT rp.role_id, p.key FROM saas.role_permissions rp
      JOIN saas.permissions p ON p.id = rp.permission_id WHERE rp.role_id = ANY ($1)";

/// The permissions of each of these roles.
fn roles(ids: &[Uuid]) -> Result<Vec<Bits>> {
    let known = |cache: &mut Cache, last| ids.iter().map(|&id| cache.roles.get(id, last)).collect();
    cached(
        None,
        known,
        || {
            let mut bits: HashMap<Uuid, Vec<usize>> = HashMap::new();
            fresh::read(
                ROLES,
                &[pg_sys::UUIDARRAYOID],
                &uuid_datums(ids).into_iter().collect::<Vec<_>>(),
                |row| {
                    if let Some((role, key)) = row.get_uuid(1).zip(row.get::<String>(2)) {
                        bits.entry(role).or_default().push(bit(&key));
                    }
                },
            )?;
            Ok(ids
                .iter()
                .map(|id| bits.remove(id).unwrap_or_default().into_iter().collect())
                .collect())
        },
        |cache, loaded: Vec<Bits>, at| {
            for (&id, bits) in ids.iter().zip(loaded) {
                let bytes = bits.bytes();
                cache.roles.put(id, bits, at, bytes);
            }
        },
    )
}

/// The permissions of a role.
pub fn role(role: Uuid) -> Result<Bits> {
    Ok(roles(&[role])?.pop().unwrap_or_default())
}

/// A user's tenants with his permissions in each; only `tenant` if one is given. Suspended and
/// deleted tenants and deleted users have none.
pub fn memberships(user: Uuid, tenant: Option<Uuid>) -> Result<Rc<Memberships>> {
    cached(
        Some(user),
        |cache, last| cache.memberships.get((user, tenant), last),
        || {
            let mut found = Vec::new();
            let mut role_ids: Vec<Uuid> = Vec::new();
            let mut places: HashMap<Uuid, u32> = HashMap::new();
            let each = |row: &fresh::Row| {
                if let Some((tenant, role)) = row.get_uuid(1).zip(row.get_uuid(2)) {
                    let place = *places.entry(role).or_insert_with(|| {
                        role_ids.push(role);
                        role_ids.len() as u32 - 1
                    });
                    found.push((tenant, place));
                }
            };
            let args: Vec<_> =
                [Some(user), tenant].into_iter().flatten().filter_map(uuid_datum).collect();
            let types = vec![pg_sys::UUIDOID; args.len()];
            match tenant {
                Some(_) => fresh::read(MEMBERSHIP, &types, &args, each)?,
                None => fresh::read(MEMBERSHIPS, &types, &args, each)?,
            }
            let sets = if role_ids.is_empty() { Vec::new() } else { roles(&role_ids)? };
            Ok(Rc::new(Memberships::new(found, sets)))
        },
        |cache, memberships, at| {
            let bytes = memberships.bytes();
            cache.memberships.put((user, tenant), memberships, at, bytes);
        },
    )
}

const MEMBERSHIPS: &str = "
    SELECT m.tenant_id, m.role_id
      FROM saas.tenant_members m
      JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
      JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
     WHERE m.user_id = $1";
const MEMBERSHIP: &str = "
    SELECT m.tenant_id, m.role_id
      FROM saas.tenant_members m
      JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
      JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
     WHERE m.user_id = $1 AND m.tenant_id = $2";

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

/// A user's system roles that are not revoked.
pub fn system_roles(user: Uuid) -> Result<Rc<SystemRoles>> {
    cached(
        Some(user),
        |cache, last| cache.system.get(user, last),
        || {
            let mut ids = Vec::new();
            let mut ends = Vec::new();
            fresh::read(
                "SELECT a.role_id, a.expires_at
                   FROM saas.system_role_assignments a
                   JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
                  WHERE a.assigned_user_id = $1 AND a.revoked_at IS NULL",
                &[pg_sys::UUIDOID],
                &uuid_datum(user).into_iter().collect::<Vec<_>>(),
                |row| {
                    if let Some(role) = row.get_uuid(1) {
                        ids.push(role);
                        ends.push(row.get::<TimestampWithTimeZone>(2).map(i64::from));
                    }
                },
            )?;
            let sets = if ids.is_empty() { Vec::new() } else { roles(&ids)? };
            Ok(Rc::new(sets.into_iter().zip(ends).collect()))
        },
        |cache, roles: Rc<SystemRoles>, at| {
            let bytes = roles.iter().map(|(bits, _)| bits.bytes() + 16).sum();
            cache.system.put(user, roles, at, bytes);
        },
    )
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
