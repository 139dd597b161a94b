//! Plans: what is sold, in versions.

pub mod definition;

use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::sql;
use definition::Definition;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Makes the current version of a plan be what the definition says, and returns it.
#[pg_extern(volatile, parallel_unsafe)]
fn define_plan(definition: Option<Jsonb>) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    if !owner::caller_is_free()? {
        check::require_in_system("platform.plan.manage")?;
    }
    let definition = given(definition, "definition")?.text();
    Ok(as_data_owner(|| define(&definition))?)
}

fn define(definition: &str) -> Result<pgrx::Uuid> {
    // Two definers follow each other, also of a plan that is not there yet; nobody else writes plans, and
    // nobody who reads them or refers to them waits.
    sql::run("LOCK TABLE saas.plans IN SHARE ROW EXCLUSIVE MODE", &[])?;
    let currency = sql::read_one::<String>("SELECT currency FROM saas.settings", &[])?
        .ok_or_else(|| Error::State("saas.settings has no row".into(), "Call saas.install()."))?;
    let plan = Definition::from_json(definition, &currency)?;
    let terms = plan.terms.to_string();
    let current = sql::read(
        include_str!("../../sql/billing/plan_terms.sql"),
        &[plan.key.as_str().into(), terms.as_str().into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<pgrx::Uuid>(1)?.zip(row.get::<bool>(2)?))
        },
    )?;
    match current {
        Some((id, true)) => {
            sql::run(
                include_str!("../../sql/billing/change_limits.sql"),
                &[id.into(), plan.limits.to_string().into()],
            )?;
            Ok(id)
        }
        _ => add_version(&plan, terms),
    }
}

fn add_version(plan: &Definition, terms: String) -> Result<pgrx::Uuid> {
    if let Some(feature) = sql::read_one::<String>(
        include_str!("../../sql/billing/other_aggregation.sql"),
        &[terms.as_str().into()],
    )? {
        return Err(Error::Conflict(format!(
            "\"{feature}\" adds up in another way already: a meter is the same on every plan"
        )));
    }
    sql::run(
        "UPDATE saas.plans SET is_current = false WHERE key = $1 AND is_current",
        &[plan.key.as_str().into()],
    )?;
    let id = sql::write_one::<pgrx::Uuid>(
        include_str!("../../sql/billing/add_plan.sql"),
        &[plan.key.as_str().into(), terms.as_str().into(), plan.limits.to_string().into()],
    )?
    .ok_or_else(|| Error::State("the plan was not stored".into(), ""))?;
    let args = || [id.into(), terms.as_str().into()];
    sql::run(include_str!("../../sql/billing/add_plan_prices.sql"), &args())?;
    sql::run(include_str!("../../sql/billing/add_plan_features.sql"), &args())?;
    sql::run(include_str!("../../sql/billing/add_plan_add_ons.sql"), &args())?;
    Ok(id)
}
