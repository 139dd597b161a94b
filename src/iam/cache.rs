//! What this backend knows about permissions, and when it forgets.
//!
//! A change to any table that decides permissions sends PostgreSQL's relation-cache message for the
//! empty table `saas.permission_epoch` (see [`super::epoch`]). PostgreSQL delivers it with the
//! commit, to standbys through WAL, and to this backend at the end of the statement and at a rollback:
//! exactly when what is visible changes. On it the cache is emptied.

use crate::error::Result;
use crate::iam::fresh;
use crate::owner;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use uuid::Uuid;

/// A set of permissions, as bits.
#[derive(Clone, Default)]
pub struct Bits(Rc<[u64]>);

impl Bits {
    pub fn contains(&self, permission: usize) -> bool {
        self.0.get(permission / 64).is_some_and(|word| word >> (permission % 64) & 1 == 1)
    }
}

/// A user's memberships, or of a request that is bound to a tenant the one there.
pub type Memberships = HashMap<Uuid, Bits>;

/// A user's system roles: permissions, and until when (PostgreSQL's microseconds).
pub type SystemRoles = Vec<(Bits, Option<i64>)>;

#[derive(Default)]
struct Cache {
    generation: u64,
    permissions: Option<Rc<HashMap<Box<str>, usize>>>,
    roles: HashMap<Uuid, Bits>,
    memberships: HashMap<(Uuid, Option<Uuid>), Rc<Memberships>>,
    system: HashMap<Uuid, Rc<SystemRoles>>,
    impersonations: HashMap<Uuid, bool>,
    grants: Option<Rc<Vec<(pg_sys::Oid, String)>>>,
}

/// How many users' rights are kept; beyond it the cache starts anew.
const MOST_USERS: usize = 1000;

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
    static GENERATION: Cell<u64> = const { Cell::new(1) };
    static EPOCH: Cell<Option<pg_sys::Oid>> = const { Cell::new(None) };
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
        let generation = GENERATION.get();
        let answer = ask()?;
        if GENERATION.get() == generation {
            return Ok(answer);
        }
        pgrx::check_for_interrupts!();
    }
}

/// Registers for PostgreSQL's messages. Called once a backend.
pub fn register() {
    // SAFETY: the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_message), pg_sys::Datum::from(0usize)) };
}

/// May be called at almost any time, so it does nothing that can fail.
unsafe extern "C-unwind" fn on_message(_: pg_sys::Datum, relation: pg_sys::Oid) {
    if relation == pg_sys::InvalidOid || EPOCH.get().is_none_or(|epoch| epoch == relation) {
        GENERATION.set(GENERATION.get() + 1);
        EPOCH.set(None);
    }
}

/// Hears of other sessions' commits, once a statement: a long transaction would otherwise only hear
/// of them when it locks a table.
fn listen() {
    // SAFETY: what every lock of a table does as well.
    unsafe {
        let now = pg_sys::GetCurrentStatementStartTimestamp();
        if HEARD_AT.get() != now {
            HEARD_AT.set(now);
            pg_sys::AcceptInvalidationMessages();
        }
    }
}

/// Takes `pick` from the cache, or loads it and keeps it, unless a message came in between.
fn cached<T: Clone>(
    pick: impl Fn(&Cache) -> Option<T>,
    keep: impl FnOnce(&mut Cache, T),
    load: impl FnOnce() -> Result<T>,
) -> Result<T> {
    listen();
    let generation = GENERATION.get();
    let found = CACHE.with_borrow_mut(|cache| {
        let users = cache.memberships.len() + cache.system.len() + cache.impersonations.len();
        if cache.generation != generation || users >= MOST_USERS {
            *cache = Cache { generation, ..Cache::default() };
        }
        pick(cache)
    });
    if let Some(found) = found {
        return Ok(found);
    }
    if EPOCH.get().is_none() {
        EPOCH.set(owner::relation(c"permission_epoch"));
    }
    let generation = GENERATION.get();
    let loaded = load()?;
    if GENERATION.get() == generation {
        CACHE.with_borrow_mut(|cache| {
            if cache.generation == generation {
                keep(cache, loaded.clone());
            }
        });
    }
    Ok(loaded)
}

fn uuid_datum(id: Uuid) -> Option<pg_sys::Datum> {
    crate::context::from_uuid(id).into_datum()
}

/// All permission keys and their bits.
pub fn permissions() -> Result<Rc<HashMap<Box<str>, usize>>> {
    cached(
        |cache| cache.permissions.clone(),
        |cache, permissions| cache.permissions = Some(permissions),
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
    )
}

/// The permissions of a role.
pub fn role(role: Uuid) -> Result<Bits> {
    cached(
        |cache| cache.roles.get(&role).cloned(),
        |cache, bits| {
            cache.roles.insert(role, bits);
        },
        || {
            let mut words = Vec::new();
            fresh::read(
                "SELECT p.key FROM saas.role_permissions rp
                   JOIN saas.permissions p ON p.id = rp.permission_id WHERE rp.role_id = $1",
                &[pg_sys::UUIDOID],
                &uuid_datum(role).into_iter().collect::<Vec<_>>(),
                |row| {
                    if let Some(key) = row.get::<String>(1) {
                        let bit = bit(&key);
                        words.resize(words.len().max(bit / 64 + 1), 0u64);
                        words[bit / 64] |= 1 << (bit % 64);
                    }
                },
            )?;
            Ok(Bits(words.into()))
        },
    )
}

/// A user's tenants with his permissions in each; only `tenant` if one is given. Suspended and
/// deleted tenants and deleted users have none.
pub fn memberships(user: Uuid, tenant: Option<Uuid>) -> Result<Rc<Memberships>> {
    cached(
        |cache| cache.memberships.get(&(user, tenant)).cloned(),
        |cache, memberships| {
            cache.memberships.insert((user, tenant), memberships);
        },
        || {
            let mut roles = Vec::new();
            let each = |row: &fresh::Row| roles.extend(row.get_uuid(1).zip(row.get_uuid(2)));
            let args: Vec<_> =
                [Some(user), tenant].into_iter().flatten().filter_map(uuid_datum).collect();
            let types = vec![pg_sys::UUIDOID; args.len()];
            match tenant {
                Some(_) => fresh::read(MEMBERSHIP, &types, &args, each)?,
                None => fresh::read(MEMBERSHIPS, &types, &args, each)?,
            }
            let mut memberships = HashMap::with_capacity(roles.len());
            for (tenant, role_id) in roles {
                memberships.insert(tenant, role(role_id)?);
            }
            Ok(Rc::new(memberships))
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

/// A user's system roles that are not revoked.
pub fn system_roles(user: Uuid) -> Result<Rc<SystemRoles>> {
    cached(
        |cache| cache.system.get(&user).cloned(),
        |cache, roles| {
            cache.system.insert(user, roles);
        },
        || {
            let mut assignments = Vec::new();
            fresh::read(
                "SELECT a.role_id, a.expires_at
                   FROM saas.system_role_assignments a
                   JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
                  WHERE a.assigned_user_id = $1 AND a.revoked_at IS NULL",
                &[pg_sys::UUIDOID],
                &uuid_datum(user).into_iter().collect::<Vec<_>>(),
                |row| {
                    let until = row.get::<TimestampWithTimeZone>(2).map(i64::from);
                    assignments.extend(row.get_uuid(1).map(|role| (role, until)));
                },
            )?;
            let mut roles = Vec::with_capacity(assignments.len());
            for (role_id, until) in assignments {
                roles.push((role(role_id)?, until));
            }
            Ok(Rc::new(roles))
        },
    )
}

/// Whether an impersonation has not been ended. When it runs out is for the context to say.
pub fn impersonation_is_open(id: Uuid) -> Result<bool> {
    cached(
        |cache| cache.impersonations.get(&id).copied(),
        |cache, open| {
            cache.impersonations.insert(id, open);
        },
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
    )
}

/// Which database role has which kind of access.
pub fn access_grants() -> Result<Rc<Vec<(pg_sys::Oid, String)>>> {
    cached(
        |cache| cache.grants.clone(),
        |cache, grants| cache.grants = Some(grants),
        || {
            let mut grants = Vec::new();
            fresh::read("SELECT role_id::oid, kind FROM saas.access_grants", &[], &[], |row| {
                grants.extend(row.get::<pg_sys::Oid>(1).zip(row.get::<String>(2)));
            })?;
            Ok(Rc::new(grants))
        },
    )
}
