//! Why somebody may, or exactly why not.
//!
//! The answer is the checks' own; what is told beside it is read in the same state of the permissions.

use super::check::{self, Permission};
use super::impersonation::{self, Over};
use super::kind::{self, Kind};
use super::{About, asking_about, cache, fresh};
use crate::context::setting::{self, Context};
use crate::context::{from_uuid, to_uuid};
use crate::error::{Error, Result, given};
use pgrx::JsonB;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Why a user has a permission in a tenant, or why not.
#[pg_extern(stable, parallel_restricted)]
fn explain_permission(
    user_id: Option<pgrx::Uuid>,
    tenant_id: Option<pgrx::Uuid>,
    permission: Option<&str>,
) -> std::result::Result<JsonB, ErrorReport> {
    Ok(JsonB(Value::Object(in_tenant(user_id, tenant_id, permission)?)))
}

/// The same as one readable paragraph.
#[pg_extern(stable, parallel_restricted)]
fn explain_permission_text(
    user_id: Option<pgrx::Uuid>,
    tenant_id: Option<pgrx::Uuid>,
    permission: Option<&str>,
) -> std::result::Result<String, ErrorReport> {
    let explained = in_tenant(user_id, tenant_id, permission)?;
    Ok(text(&explained, "explanation").to_owned())
}

/// Why a user has a permission on the platform, or why not.
#[pg_extern(stable, parallel_restricted)]
fn explain_system_permission(
    user_id: Option<pgrx::Uuid>,
    permission: Option<&str>,
) -> std::result::Result<JsonB, ErrorReport> {
    Ok(JsonB(Value::Object(in_system(user_id, permission)?)))
}

/// The same as one readable paragraph.
#[pg_extern(stable, parallel_restricted)]
fn explain_system_permission_text(
    user_id: Option<pgrx::Uuid>,
    permission: Option<&str>,
) -> std::result::Result<String, ErrorReport> {
    let explained = in_system(user_id, permission)?;
    Ok(text(&explained, "explanation").to_owned())
}

/// Whom it is about; somebody without a right to ask is told so before anything else.
fn about(user: Uuid) -> Result<About> {
    if setting::current().is_none() && !kind::caller_is(&[Kind::Gateway])? {
        return Err(Error::Unauthenticated("no authenticated user in this transaction"));
    }
    asking_about(Some(user))
}

fn in_tenant(
    user: Option<pgrx::Uuid>,
    tenant: Option<pgrx::Uuid>,
    key: Option<&str>,
) -> Result<Map<String, Value>> {
    let permission = Permission::given(key)?;
    let key = given(key, "permission")?;
    let user = to_uuid(given(user, "user_id")?);
    let tenant = to_uuid(given(tenant, "tenant_id")?);
    let about = about(user)?;
    // Who may see tenants is told that there is none; to others it looks like one of others.
    let sees_tenants = kind::caller_is(&[Kind::Gateway])?
        || check::in_system(&Permission::named("platform.tenant.read")?);
    cache::consistently(|| {
        let (request, allowed) = match about {
            About::Anybody(user) => (None, check::user_in_tenant(user, tenant, &permission)?),
            _ => (setting::current(), check::try_in_tenant(tenant, &permission)?),
        };
        let mut told = Map::new();
        told.insert("allowed".into(), allowed.into());
        told.insert("user_id".into(), user.to_string().into());
        told.insert("tenant_id".into(), tenant.to_string().into());
        told.insert("permission".into(), key.into());
        let of_request = request.map(|request| of_request(&request, tenant, &mut told));
        let (reason, explanation) = match of_request.transpose()?.flatten() {
            Some(refused) => refused,
            None => {
                let role = request.and_then(|request| request.role).unwrap_or_default();
                let facts = facts(
                    include_str!("../../sql/iam/explain_permission.sql"),
                    &[pg_sys::UUIDOID, pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::UUIDOID],
                    [
                        from_uuid(user).into_datum(),
                        from_uuid(tenant).into_datum(),
                        key.into_datum(),
                        from_uuid(role).into_datum(),
                    ],
                )?;
                of_membership(&facts, sees_tenants, &mut told)
            }
        };
        told.insert("reason".into(), reason.into());
        told.insert("explanation".into(), explanation.into());
        Ok(told)
    })
}

type Because = (&'static str, String);

/// What keeps this request from the tenant, whatever its user's rights there are.
fn of_request(
    request: &Context,
    tenant: Uuid,
    told: &mut Map<String, Value>,
) -> Result<Option<Because>> {
    if let Some((actor, id)) = request.actor.zip(request.impersonation) {
        let impersonation = json!({"id": id.to_string(), "actor_id": actor.to_string(), "read_only": request.read_only});
        told.insert("impersonation".into(), impersonation);
        let because = match impersonation::over(request)? {
            None => None,
            Some(Over::Ended) => Some(("impersonation_ended", "it has been ended")),
            Some(Over::ActorMayNot) => {
                Some(("actor_may_not_impersonate", "its actor may no longer impersonate"))
            }
            Some(Over::TargetIsPlatforms) => {
                Some(("target_has_system_role", "its target holds a system role now"))
            }
            Some(Over::MayWrite) => Some((
                "transaction_not_read_only",
                "it may only look, and this transaction may write",
            )),
        };
        if let Some((reason, why)) = because {
            let text =
                format!("No: this request acts for the user in impersonation {id}, and {why}.");
            return Ok(Some((reason, text)));
        }
    }
    match request.tenant {
        Some(bound) if bound != tenant => {
            told.insert("bound_to".into(), bound.to_string().into());
            let text = format!("No: this request is bound to tenant {bound} and knows no other.");
            Ok(Some(("bound_to_another_tenant", text)))
        }
        _ => Ok(None),
    }
}

fn of_membership(
    facts: &Map<String, Value>,
    sees_tenants: bool,
    told: &mut Map<String, Value>,
) -> Because {
    let (user, tenant) = (text(told, "user_id").to_owned(), text(told, "tenant_id").to_owned());
    let key = text(told, "permission").to_owned();
    let Some(membership) = facts["membership"].as_object() else {
        return if sees_tenants && facts["tenant"].is_null() {
            ("unknown_tenant", format!("No: there is no tenant {tenant}."))
        } else if sees_tenants && facts["user"].is_null() {
            ("unknown_user", format!("No: there is no user {user}."))
        } else {
            ("not_a_member", format!("No: user {user} is not a member of a tenant {tenant}."))
        };
    };
    told.insert("membership".into(), facts["membership"].clone());
    told.insert("role".into(), facts["role"].clone());
    let role = text_at(&facts["role"], "key");
    let with_role = match text_at(&facts["role"], "from") {
        "api_key" => format!("this request is an API key's with the role \"{role}\""),
        _ => {
            let kind = text(membership, "member_type");
            let since = text(membership, "since");
            format!(
                "user {user} is a {kind} of tenant {tenant} since {since} with the role \"{role}\""
            )
        }
    };
    let at = |of: &str, column: &str| match text_at(&facts[of], column) {
        "" => None,
        at => Some(at.to_owned()),
    };
    if let Some(at) = at("user", "deleted_at") {
        return ("user_deleted", format!("No: user {user} was deleted at {at}."));
    }
    if let Some(at) = at("tenant", "deleted_at") {
        return ("tenant_deleted", format!("No: tenant {tenant} was deleted at {at}."));
    }
    if let Some(at) = at("tenant", "suspended_at") {
        return ("tenant_suspended", format!("No: tenant {tenant} is suspended since {at}."));
    }
    if facts["grant"].is_null() {
        let roles = facts["roles_with_permission"].clone();
        let text = format!("No: {with_role}, which lacks \"{key}\". {}", with(&roles, &key));
        told.insert("roles_with_permission".into(), roles);
        return ("role_lacks_permission", text);
    }
    if facts["user_role"]["has_permission"] != true {
        // Only a key's role can have what its user's has not.
        let of_user = text_at(&facts["user_role"], "key");
        let text = format!(
            "No: {with_role}, which has \"{key}\", but user {user} has the role \"{of_user}\", which lacks it, \
             and a key may no more than its user."
        );
        told.insert("user_role".into(), facts["user_role"].clone());
        return ("user_lacks_permission", text);
    }
    told.insert("grant".into(), facts["grant"].clone());
    ("granted", format!("Yes: {with_role}, which has \"{key}\"."))
}

fn in_system(user: Option<pgrx::Uuid>, key: Option<&str>) -> Result<Map<String, Value>> {
    let permission = Permission::given(key)?;
    let key = given(key, "permission")?;
    let user = to_uuid(given(user, "user_id")?);
    let about = about(user)?;
    let sees_users = kind::caller_is(&[Kind::Gateway])?
        || check::in_system(&Permission::named("platform.tenant.read")?);
    cache::consistently(|| {
        let (request, allowed) = match about {
            About::Anybody(user) => (None, check::user_in_system(user, &permission)?),
            _ => (setting::current(), check::in_system(&permission)),
        };
        let mut told = Map::new();
        told.insert("allowed".into(), allowed.into());
        told.insert("user_id".into(), user.to_string().into());
        told.insert("permission".into(), key.into());
        let (reason, explanation) = match request {
            // Such a request is not told of its user's roles either: they are his own business.
            Some(request) if request.actor.is_some() => {
                ("impersonation", "No: an impersonation has no permission on the platform.".into())
            }
            Some(request) if request.role.is_some() => {
                ("api_key", "No: an API key has no permission on the platform.".into())
            }
            _ => {
                let facts = facts(
                    include_str!("../../sql/iam/explain_system_permission.sql"),
                    &[pg_sys::UUIDOID, pg_sys::TEXTOID],
                    [from_uuid(user).into_datum(), key.into_datum()],
                )?;
                of_assignments(facts, sees_users, &mut told)
            }
        };
        told.insert("reason".into(), reason.into());
        told.insert("explanation".into(), explanation.into());
        Ok(told)
    })
}

fn of_assignments(
    mut facts: Map<String, Value>,
    sees_users: bool,
    told: &mut Map<String, Value>,
) -> Because {
    let (user, key) = (text(told, "user_id").to_owned(), text(told, "permission").to_owned());
    if facts["user"].is_null() && sees_users {
        return ("unknown_user", format!("No: there is no user {user}."));
    }
    let assignments = facts.remove("assignments").unwrap_or_default();
    let roles = facts.remove("roles_with_permission").unwrap_or_default();
    let all = assignments.as_array().map(Vec::as_slice).unwrap_or_default();
    let find = |state: &str, has: bool| {
        let fits =
            |a: &&Value| text_at(a, "state") == state && (!has || a["has_permission"] == true);
        // The last to be given is the one that one asks about.
        all.iter().rev().find(fits)
    };
    let role = |a: &Value| format!("the role \"{}\"", text_at(a, "role"));
    let given = |a: &Value| {
        format!("given at {} for \"{}\"", text_at(a, "assigned_at"), text_at(a, "reason"))
    };
    let because = if let Some(at) = facts["user"]["deleted_at"].as_str() {
        ("user_deleted", format!("No: user {user} was deleted at {at}."))
    } else if let Some(live) = find("live", true) {
        let until = match text_at(live, "expires_at") {
            "" => String::new(),
            at => format!(", until {at}"),
        };
        let (role, given) = (role(live), given(live));
        ("granted", format!("Yes: user {user} holds {role}, which has \"{key}\", {given}{until}."))
    } else if let Some(expired) = find("expired", true) {
        let (role, given, at) = (role(expired), given(expired), text_at(expired, "expires_at"));
        let text = format!(
            "No: user {user} held {role}, which has \"{key}\", {given}; it expired at {at}."
        );
        ("expired", text)
    } else if let Some(revoked) = find("revoked", true) {
        let why = match text_at(revoked, "revoke_reason") {
            "" => String::new(),
            why => format!(" for \"{why}\""),
        };
        let (role, given, at) = (role(revoked), given(revoked), text_at(revoked, "revoked_at"));
        let text = format!(
            "No: user {user} held {role}, which has \"{key}\", {given}; it was revoked at {at}{why}."
        );
        ("revoked", text)
    } else if let Some(live) = find("live", false) {
        let text = format!(
            "No: user {user} holds {}, which lacks \"{key}\". {}",
            role(live),
            with(&roles, &key)
        );
        ("role_lacks_permission", text)
    } else {
        ("no_system_role", format!("No: user {user} holds no system role. {}", with(&roles, &key)))
    };
    told.insert("assignments".into(), assignments);
    if because.0 != "granted" {
        told.insert("roles_with_permission".into(), roles);
    }
    because
}

/// Which roles have it.
fn with(roles: &Value, key: &str) -> String {
    let roles: Vec<_> = roles.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match roles.len() {
        0 => format!("No role has \"{key}\"."),
        _ => format!("Roles that have it: {}.", roles.join(", ")),
    }
}

fn text<'a>(of: &'a Map<String, Value>, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn text_at<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// The one jsonb that a statement makes of what decides.
fn facts<const N: usize>(
    statement: &'static str,
    types: &[pg_sys::Oid; N],
    args: [Option<pg_sys::Datum>; N],
) -> Result<Map<String, Value>> {
    let values: Vec<_> = args.into_iter().flatten().collect();
    let mut found = String::new();
    fresh::read(statement, types, &values, |row| found = row.get(1).unwrap_or_default())?;
    match serde_json::from_str(&found) {
        Ok(Value::Object(facts)) => Ok(facts),
        _ => Err(Error::OutOfRange("what there is to tell is too much".into())),
    }
}
