//! Invitations, and the seats that they lead to.

use super::authority::{self, Authority};
use super::member::person;
use crate::context::{from_uuid, new_id, secret, setting, to_uuid};
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Invites somebody by e-mail address and returns the token, which is shown this once.
#[pg_extern(volatile, parallel_unsafe)]
fn invite_member(
    tenant_id: Option<pgrx::Uuid>,
    email: Option<&str>,
    role_key: Option<&str>,
    member_type: default!(Option<&str>, "'member'"),
    expires_in: default!(Option<Interval>, "'7 days'"),
) -> std::result::Result<String, ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    authority::require_lasting(tenant, &["member.invite"])?;
    let (email, role_key) = (given(email, "email")?, given(role_key, "role_key")?);
    let member_type = kind_of_member(given(member_type, "member_type")?)?;
    let expires_in = given(expires_in, "expires_in")?;
    Ok(as_data_owner(|| {
        let authority = authority::enter(tenant, &["member.invite"])?;
        let role = authority::role_named(tenant, role_key)?;
        authority.may_give(&role)?;
        let known = sql::write_one::<bool>(
            "SELECT true FROM saas.tenant_members m JOIN saas.users u ON u.id = m.user_id
              WHERE m.tenant_id = $1 AND lower(u.email) = lower($2)",
            &[tenant.into(), email.into()],
        )?;
        if known.is_some() {
            return Err(Error::State("this person is a member of the tenant already".into(), ""));
        }
        // A new invitation takes the place of the one that is open.
        sql::run(
            "UPDATE saas.tenant_invitations SET revoked_at = now()
              WHERE tenant_id = $1 AND lower(email) = lower($2) AND accepted_at IS NULL AND revoked_at IS NULL",
            &[tenant.into(), email.into()],
        )?;
        Seats::of(tenant, member_type)?.require(true)?;
        let token = secret::invitation_token(to_uuid(tenant))?;
        sql::run(
            "INSERT INTO saas.tenant_invitations (tenant_id, id, email, role_id, member_type, token_hash, invited_by, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8)",
            &[
                tenant.into(),
                from_uuid(new_id()).into(),
                email.into(),
                role.id.into(),
                member_type.into(),
                secret::hash(&token).into(),
                setting::current().map(|context| from_uuid(context.user)).into(),
                expires_in.into(),
            ],
        )?;
        Ok(token)
    })?)
}

fn kind_of_member(name: &str) -> Result<&'static str> {
    ["member", "guest"]
        .into_iter()
        .find(|known| *known == name)
        .ok_or_else(|| Error::Invalid(format!("member_type is member or guest, not \"{name}\"")))
}

/// Takes an invitation back.
#[pg_extern(volatile, parallel_unsafe)]
fn revoke_invitation(
    tenant_id: Option<pgrx::Uuid>,
    invitation_id: Option<pgrx::Uuid>,
) -> std::result::Result<(), ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    authority::require(tenant, &["member.invite"])?;
    let invitation = given(invitation_id, "invitation_id")?;
    let open = as_data_owner(|| {
        sql::run(
            "UPDATE saas.tenant_invitations SET revoked_at = now()
              WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL",
            &[tenant.into(), invitation.into()],
        )
    })?;
    match open {
        0 => Err(Error::NoSuchRow("no such open invitation".into()).into()),
        _ => Ok(()),
    }
}

/// Joins the tenant that an invitation is for.
#[pg_extern(volatile, parallel_unsafe)]
fn accept_invitation(token: Option<&str>) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let user = person()?;
    let token = given(token, "token")?;
    let tenant = secret::tenant_of_invitation(token).map(from_uuid).ok_or(REFUSED)?;
    Ok(as_data_owner(|| {
        accept(tenant, token, user)?;
        Ok(tenant)
    })?)
}

const REFUSED: Error = Error::Refused("unknown, expired, revoked or used invitation");

fn accept(tenant: pgrx::Uuid, token: &str, user: pgrx::Uuid) -> Result<()> {
    // As in every change of a tenant's people its row comes first, and is written.
    let held = sql::run(
        "UPDATE saas.tenants SET name = name WHERE id = $1 AND deleted_at IS NULL AND suspended_at IS NULL",
        &[tenant.into()],
    )?;
    if held == 0 {
        return Err(REFUSED);
    }
    let found = sql::write(
        include_str!("../../sql/tenancy/find_invitation.sql"),
        &[tenant.into(), secret::hash(token).into(), user.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            let ids = row.get::<pgrx::Uuid>(1)?.zip(row.get::<pgrx::Uuid>(2)?);
            let rest = row.get::<String>(3)?.zip(row.get::<bool>(5)?);
            Ok(ids.zip(rest).zip(Some(row.get::<pgrx::Uuid>(4)?)))
        },
    )?;
    let Some((((invitation, role), (member_type, his)), invited_by)) = found else {
        return Err(REFUSED);
    };
    if !his {
        return Err(Error::Denied("the invitation is for another e-mail address".into()));
    }
    still_meant(tenant, role, invited_by)?;
    Seats::of(tenant, kind_of_member(&member_type)?)?.require(false)?;
    let joined = sql::run(
        "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id, member_type) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, user_id) DO NOTHING",
        &[tenant.into(), user.into(), role.into(), member_type.into()],
    )?;
    if joined == 0 {
        return Err(Error::State("you are a member of the tenant already".into(), ""));
    }
    sql::run(
        "UPDATE saas.tenant_invitations SET accepted_at = now(), accepted_by = $3 WHERE tenant_id = $1 AND id = $2",
        &[tenant.into(), invitation.into(), user.into()],
    )?;
    Ok(())
}

/// Whoever invited must still be able to: he may have been demoted, or the role widened.
fn still_meant(tenant: pgrx::Uuid, role: pgrx::Uuid, by: Option<pgrx::Uuid>) -> Result<()> {
    let Some(by) = by else { return Ok(()) };
    let role = authority::role_by_id(role)?.ok_or(REFUSED)?;
    let own = match authority::role_of(tenant, by)? {
        Some(own) if authority::carries(own.id, "member.invite")? => own,
        _ => return Err(withdrawn()),
    };
    Authority::Member { role: own, key: None }.may_give(&role).map_err(|_| withdrawn())
}

fn withdrawn() -> Error {
    Error::State(
        "whoever invited you may no longer give this role".into(),
        "Ask for a new invitation.",
    )
}

/// A tenant's places for members or for guests.
struct Seats {
    member_type: &'static str,
    taken: i64,
    promised: i64,
    most: i32,
}

impl Seats {
    fn of(tenant: pgrx::Uuid, member_type: &'static str) -> Result<Seats> {
        let query = include_str!("../../sql/tenancy/seats.sql");
        sql::write(query, &[tenant.into(), member_type.into()], |table| {
            let row = table.first();
            Ok(Seats {
                member_type,
                taken: row.get::<i64>(1)?.unwrap_or(0),
                promised: row.get::<i64>(2)?.unwrap_or(0),
                most: row.get::<i32>(3)?.unwrap_or(0),
            })
        })
    }

    /// Room for one more; an invitation counts those that are open, so that nobody is invited in vain.
    ///
    /// # Errors
    /// 53400
    fn require(&self, with_promised: bool) -> Result<()> {
        let promised = if with_promised { self.promised } else { 0 };
        if self.most < 0 || self.taken + promised < i64::from(self.most) {
            return Ok(());
        }
        Err(Error::Limit(
            format!(
                "the tenant has {} {}s and {promised} invited ones, and places for {}",
                self.taken, self.member_type, self.most
            ),
            "Remove somebody, or change the subscription.",
        ))
    }
}

/// A guest who is to become a member needs a seat.
pub fn require_seat_for_guest(tenant: pgrx::Uuid, user: pgrx::Uuid) -> Result<()> {
    let is_guest = sql::write_one::<bool>(
        "SELECT true FROM saas.tenant_members WHERE tenant_id = $1 AND user_id = $2 AND member_type = 'guest'",
        &[tenant.into(), user.into()],
    )?;
    match is_guest {
        Some(_) => Seats::of(tenant, "member")?.require(false),
        None => Ok(()),
    }
}
