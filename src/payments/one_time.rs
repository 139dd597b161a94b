//! Payments that don't recur: top-ups and add-ons.

use super::effect::{Outcome, Subject};
use super::key::{Key, Kind};
use super::link::require_tenant;
use super::stripe::{self, Progress, Purpose};
use super::transition;
use crate::error::{Error, Result};
use crate::owner::as_data_owner;
use crate::sql;

/// One of the tenant's payments, locked.
struct Ours {
    id: pgrx::Uuid,
    amount: i64,
    currency: String,
    reason: String,
    status: String,
}

const ENTITY: &str = "payment_one_times";

/// Records a pending payment; the same again is the same payment.
///
/// # Errors
/// 22023 for what can't be stored; 23505 when this payment is recorded with other values or for
/// another tenant.
pub fn record(
    tenant: pgrx::Uuid,
    provider: &str,
    id: &str,
    amount: i64,
    currency: &str,
    reason: &str,
) -> Result<pgrx::Uuid> {
    let key = Key::new(provider, Kind::Payment, id)?;
    if amount < 1 {
        return Err(Error::Invalid("amount is less than 1".into()));
    }
    if !matches!(reason, "topup" | "addon") {
        return Err(Error::Invalid("reason is neither topup nor addon".into()));
    }
    let currency = currency.to_ascii_uppercase();
    require_tenant(tenant)?;
    as_data_owner(|| {
        if key.tenant()?.is_some_and(|other| other != tenant) {
            return Err(key.is_of_another_tenant());
        }
        insert(tenant, key, amount, &currency, reason)?;
        let ours = require_found(tenant, key)?;
        if (ours.amount, ours.currency.as_str(), ours.reason.as_str())
            != (amount, &currency, reason)
        {
            return Err(recorded_otherwise(&ours));
        }
        Ok(ours.id)
    })
}

/// Follows the provider's payment; one that succeeds as a top-up gives its credit, once.
pub fn follow(subject: Subject, payment: &stripe::Payment) -> Result<Outcome> {
    let said = match payment.purpose {
        Purpose::TopUp => Some("topup"),
        Purpose::AddOn => Some("addon"),
        Purpose::Unsaid | Purpose::Unclear => None,
    };
    let mut outcome = Outcome::Ignored;
    let ours = match find(subject.tenant, subject.key)? {
        Some(ours) => ours,
        None if payment.purpose == Purpose::Unclear => return Ok(Outcome::Ignored),
        None => {
            let reason = said.unwrap_or("topup");
            insert(subject.tenant, subject.key, payment.amount, &payment.currency, reason)?;
            outcome = Outcome::Applied;
            require_found(subject.tenant, subject.key)?
        }
    };
    if (ours.amount, &ours.currency) != (payment.amount, &payment.currency)
        || said.is_some_and(|said| said != ours.reason)
    {
        return Err(recorded_otherwise(&ours));
    }
    match (payment.progress, ours.status.as_str()) {
        (Progress::Succeeded, "pending" | "failed") => {
            go(subject, &ours, "succeeded")?;
            if ours.reason == "topup" {
                give_credit(subject, &ours)?;
            }
            Ok(Outcome::Applied)
        }
        (Progress::Failed, "pending") => {
            go(subject, &ours, "failed")?;
            Ok(Outcome::Applied)
        }
        _ => Ok(outcome),
    }
}

/// The provider gave all of the money back: what is left of a top-up's credit goes too. What was
/// spent of it already is not taken from other credits; balances don't become negative.
pub fn refunded(subject: Subject) -> Result<Outcome> {
    let Some(ours) = find(subject.tenant, subject.key)? else {
        return Ok(Outcome::Ignored);
    };
    if ours.status == "refunded" {
        return Ok(Outcome::Ignored);
    }
    go(subject, &ours, "refunded")?;
    let args =
        [subject.tenant.into(), credit_key(subject.key).into(), refund_key(subject.key).into()];
    sql::run(include_str!("../../sql/payments/take_credit_back.sql"), &args)?;
    Ok(Outcome::Applied)
}

fn credit_key(key: Key) -> String {
    format!("payment:{}:{}", key.provider, key.id)
}

fn refund_key(key: Key) -> String {
    format!("refund:{}:{}", key.provider, key.id)
}

fn give_credit(subject: Subject, ours: &Ours) -> Result<()> {
    let currency = sql::write_one::<String>(
        "SELECT currency FROM saas.tenants WHERE id = $1",
        &[subject.tenant.into()],
    )?;
    if currency.as_ref() != Some(&ours.currency) {
        return Err(Error::Conflict(format!(
            "a top-up in {}, but the tenant's credits are in {}",
            ours.currency,
            currency.unwrap_or_default()
        )));
    }
    sql::run(
        include_str!("../../sql/payments/give_credit.sql"),
        &[subject.tenant.into(), ours.amount.into(), credit_key(subject.key).into()],
    )?;
    Ok(())
}

fn insert(tenant: pgrx::Uuid, key: Key, amount: i64, currency: &str, reason: &str) -> Result<()> {
    sql::run(
        "INSERT INTO saas.payment_one_times (tenant_id, id, provider, provider_payment_id, amount, currency, reason)
         VALUES ($1, saas.uuid_v7(), $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, provider, provider_payment_id) DO NOTHING",
        &[
            tenant.into(),
            key.provider.into(),
            key.id.into(),
            amount.into(),
            currency.into(),
            reason.into(),
        ],
    )?;
    Ok(())
}

fn find(tenant: pgrx::Uuid, key: Key) -> Result<Option<Ours>> {
    sql::write(
        "SELECT id, amount, currency, reason, status FROM saas.payment_one_times
          WHERE tenant_id = $1 AND provider = $2 AND provider_payment_id = $3 FOR NO KEY UPDATE",
        &[tenant.into(), key.provider.into(), key.id.into()],
        |mut rows| {
            let Some(row) = rows.next() else {
                return Ok(None);
            };
            let (Some(id), Some(amount), Some(currency), Some(reason), Some(status)) =
                (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)
            else {
                return Ok(None);
            };
            Ok(Some(Ours { id, amount, currency, reason, status }))
        },
    )
}

fn require_found(tenant: pgrx::Uuid, key: Key) -> Result<Ours> {
    find(tenant, key)?
        .ok_or_else(|| Error::State("the payment that was just recorded is gone".into(), ""))
}

fn recorded_otherwise(ours: &Ours) -> Error {
    Error::Conflict(format!(
        "this payment is recorded as {} of {} {}",
        ours.reason, ours.amount, ours.currency
    ))
}

fn go(subject: Subject, ours: &Ours, to: &str) -> Result<()> {
    for state in transition::path(ENTITY, &ours.status, to)? {
        sql::run(
            "UPDATE saas.payment_one_times SET status = $3 WHERE tenant_id = $1 AND id = $2",
            &[subject.tenant.into(), ours.id.into(), state.into()],
        )?;
    }
    Ok(())
}
