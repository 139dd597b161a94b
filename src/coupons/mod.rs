//! Discounts: coupons that are defined by who sells, taken by tenants, and applied by the line query of invoices.

mod definition;

use crate::billing::discount::{self, Discount, Value};
use crate::billing::rounding::parse_decimal;
use crate::billing::{gate, ledger};
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::sql;
use definition::Definition;
use pgrx::datum::{Array, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/coupons/comments.sql",
    name = "coupons_comments",
    requires = ["coupons_functions", define_coupon, apply_coupon, remove_coupon, discount_parts]
);

/// Makes a coupon be what the definition says, and returns it.
#[pg_extern(volatile, parallel_unsafe)]
fn define_coupon(definition: Option<Jsonb>) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    if !owner::caller_is_free()? {
        check::require_in_system("platform.plan.manage")?;
    }
    let definition = given(definition, "definition")?.text();
    Ok(as_data_owner(|| define(&definition))?)
}

fn define(definition: &str) -> Result<pgrx::Uuid> {
    let coupon = Definition::from_json(definition)?;
    let terms = coupon.terms.to_string();
    let unknown = sql::read_one::<String>(
        include_str!("../../sql/coupons/unknown_currency.sql"),
        &[terms.as_str().into()],
    )?;
    if let Some(unknown) = unknown {
        return Err(Error::NoSuchRow(format!("there is no currency \"{unknown}\"")));
    }
    sql::write_one::<pgrx::Uuid>(
        include_str!("../../sql/coupons/define.sql"),
        &[coupon.code.as_str().into(), terms.as_str().into()],
    )?
    .ok_or_else(|| Error::State("the coupon was not stored".into(), ""))
}

/// Takes a coupon for a tenant.
#[pg_extern(volatile, parallel_unsafe)]
fn apply_coupon(
    tenant_id: Option<pgrx::Uuid>,
    code: Option<&str>,
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant_id = given(tenant_id, "tenant_id")?;
    gate::require_in_tenant(tenant_id, "billing.manage")?;
    let code = given(code, "code")?;
    let as_of = given(as_of, "as_of")?;
    if !gate::is_now(as_of)? {
        gate::require_adjuster()?;
    }
    let tells_why = gate::require_adjuster().is_ok();
    Ok(as_data_owner(|| apply(tenant_id, code, as_of, tells_why))?)
}

/// Whoever does not bill is told one thing, whatever stands against a coupon, and given no hint: a code that can be found by
/// trying is none.
fn apply(
    tenant: pgrx::Uuid,
    code: &str,
    from: TimestampWithTimeZone,
    tells_why: bool,
) -> Result<pgrx::Uuid> {
    let unknown = || Error::Unknown("there is no such coupon".into(), None);
    let because = |why: Error| if tells_why { why } else { unknown() };
    // Of two calls for a tenant the second finds what the first has taken.
    ledger::lock(tenant)?;
    let found = sql::write(
        include_str!("../../sql/coupons/find.sql"),
        &[code.into(), tenant.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<pgrx::Uuid>(1)?.map(|id| (id, row.get::<String>(2))))
        },
    )?;
    let Some((coupon, obstacle)) = found else { return Err(unknown()) };
    let taken = sql::write(
        "SELECT id, removed_at IS NOT NULL FROM saas.coupon_redemptions WHERE tenant_id = $1 AND coupon_id = $2",
        &[tenant.into(), coupon.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<pgrx::Uuid>(1)?.zip(row.get::<bool>(2)?))
        },
    )?;
    match (taken, obstacle?.as_deref()) {
        (Some((id, false)), _) => return Ok(id),
        (Some(_), _) => {
            return Err(Error::State(
                "the tenant has had this coupon".into(),
                "A tenant takes a coupon once.",
            ));
        }
        (None, Some("currency")) => {
            return Err(because(Error::Invalid(
                "the coupon has no amount in the tenant's currency".into(),
            )));
        }
        (None, Some(_)) => {
            return Err(because(Error::State("the coupon can't be taken at this time".into(), "")));
        }
        (None, None) => {}
    }
    if !sql::read_one::<bool>("SELECT isfinite($1)", &[from.into()])?.unwrap_or(false) {
        return Err(Error::Invalid("as_of must be a moment".into()));
    }
    sql::write_one::<pgrx::Uuid>(
        include_str!("../../sql/coupons/redeem.sql"),
        &[tenant.into(), coupon.into(), from.into()],
    )?
    .ok_or_else(|| {
        because(Error::Limit("the coupon has been taken as often as it can be".into(), ""))
    })
}

/// Ends a coupon that a tenant has taken.
#[pg_extern(volatile, parallel_unsafe)]
fn remove_coupon(
    tenant_id: Option<pgrx::Uuid>,
    code: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let tenant_id = given(tenant_id, "tenant_id")?;
    gate::require_in_tenant(tenant_id, "billing.manage")?;
    let code = given(code, "code")?;
    Ok(as_data_owner(|| {
        ledger::lock(tenant_id)?;
        let removed = sql::run(
            "UPDATE saas.coupon_redemptions SET removed_at = now()
              WHERE tenant_id = $1 AND code = upper(btrim($2)) AND removed_at IS NULL",
            &[tenant_id.into(), code.into()],
        )?;
        if removed == 0 {
            return Err(Error::NoSuchRow("the tenant has no such coupon".into()));
        }
        Ok(())
    })?)
}

/// What discounts take from the lines of an invoice, counted from 1; see `billing::discount`. The marks of the first
/// discount come first, one a line.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::type_complexity)] // the columns have to stand here
fn discount_parts(
    amounts: Array<'_, i64>,
    percents: Array<'_, AnyNumeric>,
    fixed_amounts: Array<'_, i64>,
    applies: Array<'_, bool>,
) -> std::result::Result<
    TableIterator<'static, (name!(discount, i32), name!(line, i32), name!(amount, i64))>,
    ErrorReport,
> {
    let lines: Vec<i64> = amounts.iter().map(|amount| amount.unwrap_or(0)).collect();
    let marks: Vec<bool> = applies.iter().map(|mark| mark == Some(true)).collect();
    let discounts = percents
        .iter()
        .zip(fixed_amounts.iter())
        .enumerate()
        .map(|(place, (percent, amount))| {
            let value = match percent {
                Some(percent) => {
                    Value::Percent(parse_decimal(&percent.to_string()).map_err(Error::from)?)
                }
                None => Value::Amount(amount.unwrap_or(0)),
            };
            let first = (place * lines.len()).min(marks.len());
            let end = (first + lines.len()).min(marks.len());
            Ok(Discount { value, applies: marks[first..end].to_vec() })
        })
        .collect::<Result<Vec<_>>>()?;
    let parts = discount::apply(&lines, &discounts).map_err(Error::from)?;
    let number = |place: usize| i32::try_from(place + 1).unwrap_or(i32::MAX);
    Ok(TableIterator::new(
        parts.into_iter().map(move |part| (number(part.discount), number(part.line), part.amount)),
    ))
}
