//! What the checks of one user need, read in one statement.

use crate::context::from_uuid;
use crate::error::Result;
use crate::iam::cache::SystemRoles;
use crate::iam::fresh;
use crate::iam::memberships::{Bits, Memberships};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use uuid::Uuid;

thread_local! {
    // Which bit stands for which permission. Only ever added to, so that a bit means the same in
    // everything that was loaded, whenever it was.
    static BITS: RefCell<HashMap<Uuid, usize>> = RefCell::default();
}

pub fn bit(permission: Uuid) -> usize {
    BITS.with_borrow_mut(|bits| {
        let next = bits.len();
        *bits.entry(permission).or_insert(next)
    })
}

/// What was loaded of a user, and what came with it.
pub struct Found<T> {
    pub of_user: T,
    /// Roles that were not known before.
    pub roles: Vec<(Uuid, Bits)>,
    /// The permission that was asked for, if there is one.
    pub permission: Option<usize>,
}

/// Roles that need not be loaded.
pub type Known = HashMap<Uuid, Bits>;

fn datums<const N: usize>(of: [Option<pg_sys::Datum>; N]) -> Vec<pg_sys::Datum> {
    of.into_iter().flatten().collect()
}

fn ids(known: &Known) -> Option<pg_sys::Datum> {
    known.keys().copied().map(from_uuid).collect::<Vec<_>>().into_datum()
}

fn id(id: Uuid) -> Option<pg_sys::Datum> {
    from_uuid(id).into_datum()
}

/// The roles that a user has, each with its place, and what rows said of those that were not known.
#[derive(Default)]
struct Roles {
    all: Vec<Uuid>,
    places: HashMap<Uuid, u32>,
    grants: HashMap<Uuid, Vec<usize>>,
}

impl Roles {
    fn place(&mut self, role: Uuid) -> u32 {
        *self.places.entry(role).or_insert_with(|| {
            self.all.push(role);
            self.all.len() as u32 - 1
        })
    }

    fn grant(&mut self, role: Uuid, permission: Uuid) {
        self.grants.entry(role).or_default().push(bit(permission));
    }

    /// Reads what roles carry that are neither known nor came with the user.
    fn grants_of_unknown(&mut self, known: &Known) -> Result<()> {
        let unknown: Vec<_> =
            self.all.iter().filter(|role| !known.contains_key(role)).copied().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let unknown = unknown.into_iter().map(from_uuid).collect::<Vec<_>>();
        fresh::read(
            "SELECT rp.role_id, rp.permission_id FROM saas.role_permissions rp WHERE rp.role_id = ANY ($1)",
            &[pg_sys::UUIDARRAYOID],
            &datums([unknown.into_datum()]),
            |row| {
                if let Some((role, permission)) = row.get_uuid(1).zip(row.get_uuid(2)) {
                    self.grant(role, permission);
                }
            },
        )
    }

    /// The permissions of each role, in the order of the places, and the roles that are new.
    fn sets(mut self, known: &Known) -> (Vec<Bits>, Vec<(Uuid, Bits)>) {
        let mut new = Vec::new();
        let sets = self.all.iter().map(|role| match known.get(role) {
            Some(bits) => bits.clone(),
            None => {
                let bits: Bits = self.grants.remove(role).unwrap_or_default().into_iter().collect();
                new.push((*role, bits.clone()));
                bits
            }
        });
        (sets.collect(), new)
    }
}

const MEMBERSHIPS: &str = "
    SELECT m.tenant_id, m.role_id, NULL::uuid
      FROM saas.tenant_members m
      JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
      JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
     WHERE m.user_id = $1";
const MEMBERSHIP: &str = "
    SELECT m.tenant_id, m.role_id, NULL::uuid
      FROM saas.tenant_members m
      JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
      JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
     WHERE m.user_id = $1 AND m.tenant_id = $2";

/// A user's memberships, of one tenant or of all; with them an API key's role, which is new if it
/// is given, and the permission of `key`.
pub fn memberships(
    user: Uuid,
    tenant: Option<Uuid>,
    key_role: Option<Uuid>,
    key: &str,
    known: &Known,
) -> Result<Found<Memberships>> {
    let mut found = Vec::new();
    let mut roles = Roles::default();
    let mut permission = None;
    let each = |row: &fresh::Row| match (row.get_uuid(1), row.get_uuid(2), row.get_uuid(3)) {
        (Some(tenant), Some(role), _) => found.push((tenant, roles.place(role))),
        (None, Some(role), Some(granted)) => roles.grant(role, granted),
        (_, _, asked) => permission = asked.map(bit),
    };
    if key.is_empty() && key_role.is_none() && !known.is_empty() {
        // Most often only this user's rights have changed: then a simpler statement does.
        match tenant {
            Some(tenant) => {
                let types = [pg_sys::UUIDOID, pg_sys::UUIDOID];
                fresh::read(MEMBERSHIP, &types, &datums([id(user), id(tenant)]), each)?;
            }
            None => fresh::read(MEMBERSHIPS, &[pg_sys::UUIDOID], &datums([id(user)]), each)?,
        }
        roles.grants_of_unknown(known)?;
    } else {
        let mut types =
            vec![pg_sys::UUIDOID, pg_sys::UUIDARRAYOID, pg_sys::UUIDOID, pg_sys::TEXTOID];
        let mut args =
            datums([id(user), ids(known), id(key_role.unwrap_or_default()), key.into_datum()]);
        match tenant {
            Some(tenant) => {
                types.push(pg_sys::UUIDOID);
                args.extend(id(tenant));
                fresh::read(
                    include_str!("../../sql/iam/load_membership.sql"),
                    &types,
                    &args,
                    each,
                )?;
            }
            None => fresh::read(
                include_str!("../../sql/iam/load_memberships.sql"),
                &types,
                &args,
                each,
            )?,
        }
    }
    if let Some(role) = key_role {
        roles.place(role);
    }
    let (sets, roles) = roles.sets(known);
    Ok(Found { of_user: Memberships::new(found, sets), roles, permission })
}

/// A user's system roles that are not revoked, and the permission of `key`.
pub fn system_roles(user: Uuid, key: &str, known: &Known) -> Result<Found<SystemRoles>> {
    let mut ends = Vec::new();
    let mut roles = Roles::default();
    let mut permission = None;
    fresh::read(
        include_str!("../../sql/iam/load_system_roles.sql"),
        &[pg_sys::UUIDOID, pg_sys::UUIDARRAYOID, pg_sys::TEXTOID],
        &datums([id(user), ids(known), key.into_datum()]),
        |row| match (row.get_uuid(1), row.get_uuid(3)) {
            (Some(role), None) => {
                let until = row.get::<TimestampWithTimeZone>(2).map(i64::from);
                ends.push((roles.place(role), until));
            }
            (Some(role), Some(granted)) => roles.grant(role, granted),
            (None, asked) => permission = asked.map(bit),
        },
    )?;
    let (sets, roles) = roles.sets(known);
    let of_user = ends.into_iter().map(|(place, until)| (sets[place as usize].clone(), until));
    Ok(Found { of_user: of_user.collect(), roles, permission })
}

/// The permissions of a role.
pub fn role(role: Uuid) -> Result<Bits> {
    let mut bits = Vec::new();
    fresh::read(
        "SELECT rp.permission_id FROM saas.role_permissions rp WHERE rp.role_id = $1",
        &[pg_sys::UUIDOID],
        &datums([id(role)]),
        |row| bits.extend(row.get_uuid(1).map(bit)),
    )?;
    Ok(bits.into_iter().collect())
}

/// The permission of one key.
pub fn permission(key: &str) -> Result<Option<usize>> {
    let mut found = None;
    fresh::read(
        "SELECT p.id FROM saas.permissions p WHERE p.key = $1",
        &[pg_sys::TEXTOID],
        &datums([key.into_datum()]),
        |row| found = row.get_uuid(1).map(bit),
    )?;
    Ok(found)
}

/// All keys and their permissions.
pub fn permissions() -> Result<HashMap<Box<str>, usize>> {
    let mut all = HashMap::new();
    fresh::read("SELECT p.id, p.key FROM saas.permissions p", &[], &[], |row| {
        if let Some((id, key)) = row.get_uuid(1).zip(row.get::<String>(2)) {
            all.insert(key.into_boxed_str(), bit(id));
        }
    })?;
    Ok(all)
}
