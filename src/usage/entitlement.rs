//! What a tenant's plan lets it use, and what it has used.

use crate::context::{setting, to_uuid};
use crate::error::{Error, Result};
use crate::iam::check::{self, Permission};
use crate::iam::kind::{self, Kind};
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::AnyNumeric;
use pgrx::datum::{Date, TimestampWithTimeZone};

/// A tenant's share of one feature in one period.
pub struct Entitlement {
    /// Some plan has the feature.
    known: bool,
    /// None: not in this plan.
    pub included: Option<i64>,
    pub used: i64,
    pub overage_price: Option<AnyNumeric>,
    /// What is used beyond the included units is paid for.
    pub priced: bool,
    /// What all usage of the period may cost, and does: both, or none where there is no cap.
    spending: Option<(i64, i64)>,
    suspended: bool,
    /// There are alerts on it.
    pub watched: bool,
}

impl Entitlement {
    /// In the period that contains `at`, or in `period`; `more` units beyond those used count for what is
    /// spent. None for an unknown tenant.
    ///
    /// Runs as the data owner, in a snapshot of its own.
    pub fn find(
        tenant: pgrx::Uuid,
        feature: &str,
        at: TimestampWithTimeZone,
        period: Option<Date>,
        more: i64,
    ) -> Result<Option<Entitlement>> {
        let args = [tenant.into(), feature.into(), at.into(), period.into(), more.into()];
        sql::write(include_str!("../../sql/usage/entitlement.sql"), &args, |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            // A sum that no bigint holds is beyond every cap.
            let spent = row.get::<AnyNumeric>(9)?.map(|sum| i64::try_from(sum).unwrap_or(i64::MAX));
            Ok(Some(Entitlement {
                known: row.get(1)? == Some(true),
                included: row.get(2)?,
                used: row.get::<i64>(3)?.unwrap_or_default(),
                overage_price: row.get(4)?,
                priced: row.get(5)? == Some(true),
                suspended: row.get(6)? == Some(true),
                watched: row.get(7)? == Some(true),
                spending: row.get::<i64>(8)?.zip(spent),
            }))
        })
    }

    /// Where sessions have to pass one by one, so that the sum that one decides on is still right when it
    /// commits.
    pub fn gate<'a>(&self, feature: &'a str) -> Option<&'a str> {
        match (self.included, self.priced, self.spending) {
            (Some(_), false, _) => Some(feature),
            (Some(_), true, Some(_)) => Some(""),
            _ => None,
        }
    }

    pub fn remaining(&self) -> i64 {
        self.included.unwrap_or_default().saturating_sub(self.used).max(0)
    }

    /// Whether `more` units may be used, for which [`Entitlement::find`] was asked.
    ///
    /// # Errors
    /// 53400 beyond what the plan or the spend cap allows; 55000 for a suspended tenant.
    pub fn allow(&self, feature: &str, more: i64) -> Result<()> {
        if self.suspended {
            return Err(Error::State("the tenant is suspended".into(), ""));
        }
        let Some(included) = self.included else {
            return Err(Error::Limit(
                format!("the plan does not have the feature \"{feature}\""),
                "Choose a plan that has it.",
            ));
        };
        if self.used.checked_add(more).is_some_and(|used| used <= included) {
            return Ok(());
        }
        match self.spending {
            _ if !self.priced => Err(Error::Limit(
                format!("the plan includes {included} of \"{feature}\" in a period, and no more"),
                "Choose a larger plan, or wait for the next period.",
            )),
            Some((cap, spent)) if spent > cap => Err(Error::Limit(
                format!("the tenant's spend cap of {cap} minor units in a period is reached"),
                "Raise it with saas.set_spend_cap, or wait for the next period.",
            )),
            _ => Ok(()),
        }
    }
}

/// The tenant's entitlement as its people may see it, and whether one unit more may be used.
///
/// # Errors
/// 28000, 42501, 23503 for who may not look; 42704 for a feature that no plan has.
pub fn look_up(
    tenant: pgrx::Uuid,
    feature: &str,
    at: TimestampWithTimeZone,
) -> Result<(Entitlement, bool)> {
    let trusted = require_reader(tenant)?;
    let found = as_data_owner(|| Entitlement::find(tenant, feature, at, None, 1))?;
    match found {
        None if trusted => Err(Error::NoSuchRow("no such tenant".into())),
        None => Err(Error::Denied("not allowed for this tenant".into())),
        Some(found) if !found.known => Err(as_data_owner(|| unknown_feature(feature))?),
        Some(found) => {
            let allowed = found.allow(feature, 1).is_ok();
            Ok((found, allowed))
        }
    }
}

/// Whether the caller may know which tenants there are.
fn require_reader(tenant: pgrx::Uuid) -> Result<bool> {
    if owner::caller_is_free()?
        || setting::current().is_none() && kind::caller_is(&[Kind::Gateway, Kind::Worker])?
    {
        return Ok(true);
    }
    check::require_context()?;
    if !check::in_system(&Permission::named("platform.tenant.read")?) {
        check::require_in_tenant(to_uuid(tenant), "tenant.read")?;
    }
    Ok(false)
}

/// With the nearest that there is as hint.
pub fn unknown_feature(feature: &str) -> Result<Error> {
    let known =
        sql::read_rows("SELECT key FROM saas.features", &[], |row| Ok(row.get::<String>(1)?))?;
    let nearest = check::nearest(feature, known.iter().flatten().map(String::as_str));
    Ok(Error::Unknown(format!("no plan has the feature \"{feature}\""), nearest))
}
