//! What each kind of access may call and read, and giving it to database roles.
//!
//! Rows are guarded by row-level security and functions by their gates; this is the outer wall,
//! PostgreSQL's own privileges. Whatever is not listed here is nobody's but the data owner's.

use crate::error::{Error, Result, given};
use crate::iam::kind::Kind::{self, Admin, App, Auditor, Gateway, Worker};
use crate::install;
use crate::owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const REQUESTS: &[Kind] = &[App, Gateway, Admin];
const ALL: &[Kind] = &Kind::ALL;
const TENANT: &[Kind] = &[App, Gateway];

/// Functions by name, all their overloads.
const FUNCTIONS: &[(&[Kind], &[&str])] = &[
    (
        ALL,
        &[
            "version",
            "uuid_v7",
            "price_quantity",
            "billing_period",
            "prorate",
            "round_minor",
            "tax_amount",
            "payment_event_effects",
        ],
    ),
    (
        REQUESTS,
        &[
            "begin_request",
            "begin_request_jwt",
            "begin_request_claims",
            "revoke_session",
            "revoke_sessions",
            "current_user_id",
            "oneself",
            "current_tenant_id",
            "current_session_id",
            "current_request_id",
            "current_impersonator_id",
            "has_tenant_permission",
            "has_system_permission",
            "require_tenant_permission",
            "require_system_permission",
            "authorized_tenant_id",
            "permitted_tenant_ids",
            "tenant_permissions",
            "system_permissions",
            "members_with_permission",
            "explain_permission",
            "explain_permission_text",
            "explain_system_permission",
            "explain_system_permission_text",
            "role_permission_diff",
            "stop_impersonation",
            "permitted_tenants",
            "credit_balance",
            "spend_credit",
            "preview_invoice",
            "apply_coupon",
            "remove_coupon",
            "set_billing_details",
            "invoice_document",
            "invoice_html",
            "credit_note_document",
            "credit_note_html",
            "create_tenant",
            "update_tenant",
            "delete_tenant",
            "invite_member",
            "revoke_invitation",
            "accept_invitation",
            "set_member_role",
            "remove_member",
            "transfer_ownership",
            "create_role",
            "update_role",
            "delete_role",
            "create_service_account",
            "create_api_key",
            "rotate_api_key",
            "revoke_api_key",
            "subscribe",
            "change_subscription",
            "preview_change",
            "set_add_on",
            "preview_add_on",
            "cancel_subscription",
            "pause_subscription",
            "resume_subscription",
            "record_consent",
            "withdraw_consent",
            "open_privacy_request",
            "export_personal_data",
        ],
    ),
    (
        &[Gateway],
        &[
            "begin_request_as",
            "create_user",
            "create_session",
            "create_verification",
            "use_verification",
            "link_account",
            "unlink_account",
            "report_failed_login",
        ],
    ),
    (
        &[Gateway, Worker],
        &[
            "consume",
            "record_usage",
            "record_usage_batch",
            "record_usage_batch_report",
            "record_one_time_payment",
        ],
    ),
    (
        &[Gateway, Worker, Admin],
        &["link_provider_customer", "link_provider_subscription", "link_provider_invoice"],
    ),
    (REQUESTS, &["entitlement", "set_spend_cap", "set_usage_alert", "remove_usage_alert"]),
    (
        &[Worker],
        &[
            "entitlement",
            "subscribe",
            "change_subscription",
            "set_add_on",
            "cancel_subscription",
            "pause_subscription",
            "resume_subscription",
            "advance_subscriptions",
        ],
    ),
    (
        &[Worker, Admin],
        &["generate_invoice", "finalize_invoice", "advance_dunning", "correct_usage", "void_usage"],
    ),
    (&[Admin], &["void_invoice", "mark_uncollectible", "add_webhook_secret"]),
    (&[Gateway, Worker], &["ingest_payment_event", "ingest_webhook"]),
    (
        &[Worker],
        &[
            "process_payment_events",
            "roll_up_usage",
            "assess_usage_fees",
            "apply_usage_retention",
            "apply_retention",
            "raise_usage_alerts",
            "close_period",
            "close_next_batch",
            "give_way",
            "make_partitions",
            "seal_audit_log",
        ],
    ),
    (
        &[Admin],
        &[
            "define_coupon",
            "set_tax_rate",
            "set_tax_category",
            "set_tax_treatment",
            "set_issuer",
            "credit_invoice",
        ],
    ),
    (
        &[Admin],
        &["define_plan", "grant_credit", "import_jwks", "suspend_tenant", "reinstate_tenant"],
    ),
    (
        &[Admin],
        &[
            "verify_privacy_request",
            "decide_privacy_request",
            "erase_user",
            "register_personal_data",
            "apply_retention",
        ],
    ),
    (
        &[Admin],
        &[
            "define_permission",
            "define_platform_role",
            "grant_system_role",
            "revoke_system_role",
            "start_impersonation",
            "approve_impersonation",
            "open_break_glass",
            "close_break_glass",
            "review_break_glass",
        ],
    ),
    (&[Worker], &["escalate_break_glass"]),
    (&[Gateway, Worker], &["report_security_event"]),
    (
        &[Admin],
        &[
            "acknowledge_security_event",
            "dismiss_security_event",
            "escalate_security_event",
            "open_incident",
            "move_incident",
        ],
    ),
    (&[Auditor], &["role_permission_diff"]),
    (&[Auditor, Admin], &["check_invariants", "verify_audit_log", "evidence", "lint"]),
];

/// Tables that may be read, under row-level security, and the secret columns that may not.
const TABLES: &[(&[Kind], &[&str])] = &[
    (
        REQUESTS,
        &[
            "users",
            "sessions -token_hash",
            "accounts -password_hash,access_token,refresh_token,id_token",
            "tenants",
            "tenant_members",
            "tenant_invitations -token_hash",
            "api_keys -key_hash",
            "projects",
            "plans",
            "plan_prices",
            "plan_features",
            "plan_add_ons",
            "features",
            "tenant_subscriptions",
            "subscription_changes",
            "subscription_add_ons",
            "payment_invoices",
            "payment_invoice_lines",
            "billed_periods",
            "advance_fees",
            "charged_changes",
            "tenant_credit_ledger",
            "credit_allocations",
            "credit_lots",
            "credit_notes",
            "credit_note_lines",
            "dunning",
            "coupon_redemptions",
            "billing_details",
            "tax_rates",
            "tax_categories",
            "usage_records",
            "usage_counter_slots",
            "usage_totals",
            "usage_summaries",
            "usage_fees",
            "usage_adjustments",
            "usage_corrections",
            "usage_alerts",
            "usage_alerts_raised",
            "spend_caps",
            "payment_customers",
            "payment_one_times",
            "user_consents",
            "privacy_requests",
        ],
    ),
    (
        &[App, Gateway, Admin, Auditor],
        &[
            "roles",
            "permissions",
            "role_permissions",
            "system_role_assignments",
            "impersonation_sessions",
            "platform_audit_logs",
            "state_transitions",
            "currencies",
            "countries",
        ],
    ),
    (
        &[Admin, Auditor],
        &[
            "break_glass_events",
            "audit_seals",
            "audit_seal_rows",
            "audit_retirements",
            "security_events",
            "incidents",
            "incident_history",
            "personal_data_registry",
        ],
    ),
    (&[Admin], &["payment_events", "usage_events", "coupons"]),
    (&[Admin, Worker], &["close_progress", "close_parked", "usage_refused"]),
    (&[Worker], &["usage_alerts_raised"]),
];

/// Tables that may be written, under row-level security.
const WRITABLE: &[(&[Kind], &str, &str)] = &[
    (TENANT, "projects", "INSERT, UPDATE, DELETE"),
    // A view whose triggers have the gate.
    (&[Gateway, Worker], "usage_ingest", "INSERT"),
];

/// Gives `role` the access of `kind` and takes what it had as another kind.
///
/// # Errors
/// 42501 for callers other than the data owner; 22023 for an unknown kind, for a superuser and for
/// the data owner, who need none.
pub fn grant(role: pg_sys::Oid, kind: &str) -> Result<()> {
    let kind = Kind::named(kind)?;
    if !owner::caller_is_data_owner()? {
        return Err(Error::Denied("only the data owner may grant access".into()));
    }
    // SAFETY: look-ups in the role catalogs.
    if unsafe { pg_sys::superuser_arg(role) } || role == owner::data_owner()? {
        return Err(Error::Invalid(
            "superusers and the data owner may do everything: grant access to a role of your application".into(),
        ));
    }
    owner::as_data_owner(|| {
        forget_dropped()?;
        sql::run(
            "INSERT INTO saas.access_grants (role_id, kind) VALUES ($1::oid, $2)
             ON CONFLICT (role_id) DO UPDATE SET kind = excluded.kind WHERE access_grants.kind <> excluded.kind",
            &[role.into(), kind.name().into()],
        )?;
        // Policies first: they lock their tables, and whoever analyzes a table waits for the row that a GRANT changes.
        name_in_policies()?;
        sql::execute(include_str!("../../sql/iam/revoke_access.sql"), &[role.into()])?;
        give(role, kind)?;
        install::domain_views::grant(Some(role))
    })
}

/// Takes from `role` what [`grant`] gave it.
#[pg_extern(
    volatile,
    parallel_unsafe,
    sql = "
    CREATE FUNCTION saas.revoke_access(role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn revoke_access(role: Option<pg_sys::Oid>) -> std::result::Result<(), ErrorReport> {
    // to_regrole() of a name that is mistyped is NULL, and that role would keep its access.
    Ok(revoke(given(role, "role")?)?)
}

fn revoke(role: pg_sys::Oid) -> Result<()> {
    if !owner::caller_is_data_owner()? {
        return Err(Error::Denied("only the data owner may revoke access".into()));
    }
    if role == owner::data_owner()? {
        return Err(Error::Invalid("the data owner's access comes with owning the tables".into()));
    }
    owner::as_data_owner(|| {
        forget_dropped()?;
        sql::run("DELETE FROM saas.access_grants WHERE role_id = $1::oid", &[role.into()])?;
        sql::execute(include_str!("../../sql/iam/revoke_access.sql"), &[role.into()])?;
        install::domain_views::grant(Some(role))?;
        name_in_policies()
    })
}

/// A role that was dropped leaves its oid behind, which may be another role's in a restored database.
fn forget_dropped() -> Result<()> {
    sql::run(
        "DELETE FROM saas.access_grants WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = role_id)",
        &[],
    )?;
    Ok(())
}

/// Makes missing policies and grants again to every role that has access. Takes nothing away, so that
/// what somebody granted beside it stays. Runs as the data owner.
pub fn grant_again() -> Result<()> {
    forget_dropped()?;
    let grants = sql::read_rows(
        "SELECT role_id::oid, kind FROM saas.access_grants ORDER BY role_id",
        &[],
        |row| Ok(row.get::<pg_sys::Oid>(1)?.zip(row.get::<String>(2)?)),
    )?;
    for (role, kind) in grants.into_iter().flatten() {
        give(role, Kind::named(&kind)?)?;
    }
    install::domain_views::grant(None)?;
    name_in_policies()
}

fn give(role: pg_sys::Oid, kind: Kind) -> Result<()> {
    let functions: Vec<&str> = listed(FUNCTIONS, kind).collect();
    let tables: Vec<&str> = listed(TABLES, kind).collect();
    let (names, secrets): (Vec<&str>, Vec<&str>) =
        tables.iter().map(|table| table.split_once(" -").unwrap_or((table, ""))).unzip();
    sql::execute(
        include_str!("../../sql/iam/grant_access.sql"),
        &[role.into(), functions.into(), names.into(), secrets.into()],
    )?;
    for (kinds, table, privileges) in WRITABLE {
        if kinds.contains(&kind) {
            sql::execute(
                "SELECT format('GRANT %s ON saas.%I TO %s', $3, $2, $1::oid::regrole)",
                &[role.into(), (*table).into(), (*privileges).into()],
            )?;
        }
    }
    Ok(())
}

/// Columns that no kind reads, by table, apart by commas.
pub fn secret_columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.iter().flat_map(|(_, tables)| *tables).filter_map(|table| table.split_once(" -"))
}

fn listed(
    lists: &'static [(&'static [Kind], &'static [&'static str])],
    kind: Kind,
) -> impl Iterator<Item = &'static str> {
    lists
        .iter()
        .filter(move |(kinds, _)| kinds.contains(&kind))
        .flat_map(|(_, names)| names.iter().copied())
}

/// Puts the roles of each kind into the TO lists of its policies, so that no role meets two kinds'
/// policies joined by OR.
fn name_in_policies() -> Result<()> {
    install::make_policies()?;
    name_roles()
}

/// The same for the policies that are there.
pub fn name_roles() -> Result<()> {
    let ours = super::protect::COMMENT;
    sql::execute(include_str!("../../sql/iam/name_in_policies.sql"), &[ours.into()])
}
