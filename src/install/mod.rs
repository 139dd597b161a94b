//! Putting the tables into the database, and keeping them current.
//!
//! The extension owns the functions; the tables are ordinary tables of the data owner (see
//! `docs/install.md`). `CREATE EXTENSION` calls [`install`], and anybody may call it again: it makes
//! what is missing and leaves the rest as it is. [`migrate`] also changes what an older library made.

pub mod domain_views;
mod schedule;
mod script;
pub mod version;

use crate::error::{Error, Result};
use crate::{iam, owner, sql};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use version::{DATA_VERSION, STEPS};

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/install/comments.sql",
    name = "install_comments",
    requires = [install, migrate, library_version, create_domain_views, schedule_jobs]
);

const TABLES: &[&str] = &[
    include_str!("../../sql/install/tables.sql"),
    include_str!("../../sql/tenancy/tenants.sql"),
    include_str!("../../sql/context/tables.sql"),
    include_str!("../../sql/iam/tables.sql"),
    include_str!("../../sql/tenancy/tables.sql"),
    include_str!("../../sql/payments/keys.sql"),
    include_str!("../../sql/billing/tables.sql"),
    include_str!("../../sql/coupons/tables.sql"),
    include_str!("../../sql/tax/tables.sql"),
    include_str!("../../sql/documents/tables.sql"),
    include_str!("../../sql/usage/tables.sql"),
    include_str!("../../sql/payments/tables.sql"),
    include_str!("../../sql/audit/tables.sql"),
    include_str!("../../sql/privacy/tables.sql"),
    #[cfg(feature = "data_version_2")]
    include_str!("../../tests/upgrade/tables_2.sql"),
    #[cfg(feature = "data_version_3")]
    include_str!("../../tests/upgrade/tables_3.sql"),
];
const SEEDS: &[&str] = &[
    include_str!("../../sql/install/seed.sql"),
    include_str!("../../sql/iam/seed.sql"),
    include_str!("../../sql/billing/seed.sql"),
    include_str!("../../sql/privacy/seed.sql"),
];
const TRIGGERS: &[&str] = &[
    include_str!("../../sql/context/triggers.sql"),
    include_str!("../../sql/iam/triggers.sql"),
    include_str!("../../sql/tenancy/triggers.sql"),
    include_str!("../../sql/billing/triggers.sql"),
    include_str!("../../sql/coupons/triggers.sql"),
    include_str!("../../sql/usage/triggers.sql"),
    include_str!("../../sql/payments/triggers.sql"),
    include_str!("../../sql/privacy/triggers.sql"),
    include_str!("../../sql/audit/triggers.sql"),
    include_str!("../../sql/install/triggers.sql"),
];
const POLICIES: &[&str] = &[
    include_str!("../../sql/install/policies.sql"),
    include_str!("../../sql/context/policies.sql"),
    include_str!("../../sql/iam/policies.sql"),
    include_str!("../../sql/tenancy/policies.sql"),
    include_str!("../../sql/billing/policies.sql"),
    include_str!("../../sql/coupons/policies.sql"),
    include_str!("../../sql/tax/policies.sql"),
    include_str!("../../sql/documents/policies.sql"),
    include_str!("../../sql/usage/policies.sql"),
    include_str!("../../sql/payments/policies.sql"),
    include_str!("../../sql/audit/policies.sql"),
    include_str!("../../sql/privacy/policies.sql"),
];

/// Keys, tenant triggers, guards and row-level security are the same on every table: statements that
/// make what is missing of them.
const DEFAULTS: &str = include_str!("../../sql/install/missing_defaults.sql");
const TENANT_TRIGGERS: &str = include_str!("../../sql/install/missing_tenant_triggers.sql");
const GUARDS: &str = include_str!("../../sql/install/missing_guards.sql");
const ROW_SECURITY: &str = include_str!("../../sql/install/missing_row_security.sql");

// Before anything else.
extension_sql_file!("../../sql/install/strangers.sql", name = "strangers", bootstrap);
// The functions that are written in SQL.
extension_sql_file!("../../sql/context/functions.sql", name = "context_functions");
extension_sql_file!("../../sql/iam/functions.sql", name = "iam_functions");
extension_sql_file!("../../sql/tenancy/functions.sql", name = "tenancy_functions");
extension_sql_file!("../../sql/billing/functions.sql", name = "billing_functions");
extension_sql_file!(
    "../../sql/usage/functions.sql",
    name = "usage_functions",
    requires = [
        saas_core::billing::pure_functions::billing_days,
        saas_core::billing::pure_functions::price_quantity,
        saas_core::billing::pure_functions::round_minor
    ]
);
extension_sql_file!("../../sql/coupons/functions.sql", name = "coupons_functions");
extension_sql_file!("../../sql/tax/functions.sql", name = "tax_functions");
extension_sql_file!("../../sql/documents/functions.sql", name = "documents_functions");
extension_sql_file!("../../sql/payments/functions.sql", name = "payments_functions");
extension_sql_file!("../../sql/privacy/functions.sql", name = "privacy_functions");
extension_sql_file!("../../sql/install/functions.sql", name = "install_functions");
// Comments on the functions, who may call them, and the first install.
extension_sql_file!("../../sql/install/finalize.sql", name = "finalize", finalize);

/// Makes the tables, seed rows, triggers and policies that are missing, as the data owner.
#[pg_extern(volatile, parallel_unsafe)]
fn install() -> std::result::Result<(), ErrorReport> {
    run(false)?;
    Ok(())
}

/// Brings the tables to the data version of this library, and makes what is missing. Returns that version.
#[pg_extern(volatile, parallel_unsafe)]
fn migrate() -> std::result::Result<i32, ErrorReport> {
    Ok(run(true)?)
}

fn run(migrating: bool) -> Result<i32> {
    // SAFETY: these read the state of the session and role catalogs only.
    let (caller, borrowed) = unsafe { (pg_sys::GetUserId(), pg_sys::InLocalUserIdChange()) };
    // Nothing that the data owner left lying about in his tables gets hold of the caller's rights.
    let _restricted = script::Restricted::enter();
    // As himself, but with a search path that leads to PostgreSQL's own catalogs only.
    let owner = owner::as_role(caller, || {
        let owner = script::database_owner()?;
        // SAFETY: as above.
        let (superuser, owns) =
            unsafe { (pg_sys::superuser_arg(caller), pg_sys::has_privs_of_role(caller, owner)) };
        if borrowed || !(superuser || owns) {
            return Err(Error::Denied(
                "only the owner of the database may install saas_core".into(),
            ));
        }
        script::refuse_strangers()?;
        if superuser {
            script::hand_over(owner)?;
        }
        Ok(owner)
    })?;
    // CREATE EXTENSION makes members of whatever is created; the tables are not to be members.
    let detached = script::Detached::enter();
    owner::as_role(owner, || {
        // CREATE EXTENSION over older tables can't be followed by anything before it is there.
        bring_up(migrating || detached.is_creating())?;
        TABLES.iter().try_for_each(|text| script::run(text))?;
        sql::run(
            "INSERT INTO saas.schema_version (version) VALUES ($1) ON CONFLICT DO NOTHING",
            &[DATA_VERSION.into()],
        )?;
        script::run_generated(DEFAULTS)?;
        SEEDS.iter().try_for_each(|text| script::run(text))?;
        TRIGGERS.iter().try_for_each(|text| script::run(text))?;
        script::run_generated(TENANT_TRIGGERS)?;
        script::run("SELECT saas.make_partitions()")?;
        script::run_generated(GUARDS)?;
        script::run_generated(ROW_SECURITY)?;
        iam::access::grant_again()?;
        Ok(DATA_VERSION)
    })
}

/// Changes tables of an older data version; makes nothing that is only missing.
fn bring_up(may: bool) -> Result<()> {
    let Some(there) = version::hold()? else { return Ok(()) };
    if there > DATA_VERSION {
        return Err(version::newer(there));
    }
    if there == DATA_VERSION {
        return Ok(());
    }
    if !may {
        return Err(version::older(there));
    }
    // First, because the statements below fire triggers, which ask for the version. All of it or nothing.
    sql::run(
        "UPDATE saas.schema_version SET version = $1, changed_at = now()",
        &[DATA_VERSION.into()],
    )?;
    STEPS[there as usize - 1..].iter().try_for_each(|text| script::run_all(text))
}

/// Makes the policies that are missing, as the current user: dropping the only role that a policy
/// names drops the policy.
pub fn make_policies() -> Result<()> {
    POLICIES.iter().try_for_each(|text| script::run(text))
}

/// The version of this library.
#[pg_extern(immutable, parallel_safe, name = "version")]
fn library_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
