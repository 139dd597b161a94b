//! Using what a plan allows, and no more.
//!
//! A limit is a matter of the total, and a counter is several rows so that writers don't queue. So who
//! uses a limited feature passes a gate first, a row that it writes: sessions come one by one there, and
//! each takes the sum in a statement that sees what the one before has committed. Features that have a
//! price and no cap have no gate and are recorded like all usage.

use super::entitlement::Entitlement;
use super::limits;
use super::record::{self, Event};
use crate::error::{Error, Result};
use crate::owner::as_data_owner;
use crate::sql;

/// Records the event if the plan allows it; false if its id was recorded before.
///
/// # Errors
/// Those of [`record::record`]; 53400 and 55000 of [`Entitlement::allow`], which undo the recording;
/// 40001 under REPEATABLE READ when another session has consumed meanwhile.
pub fn consume(event: Event) -> Result<bool> {
    record::require_recorder()?;
    let (tenant, at) = (event.tenant_id, event.occurred_at);
    let feature = event.feature_key.clone();
    let (gated, watched) = as_data_owner(|| {
        let Some(before) = Entitlement::find(tenant, &feature, at, None, 0)? else {
            return Ok((false, false));
        };
        if let Some(gate) = before.gate(&feature) {
            sql::run(include_str!("../../sql/usage/pass_gate.sql"), &[tenant.into(), gate.into()])?;
            return Ok((true, before.watched));
        }
        // Nothing to count up to: what is refused now is refused, what is not stays allowed.
        Ok((before.allow(&feature, 0).is_err(), before.watched))
    })?;
    let recorded = record::record(&[event])?;
    if recorded.new == 0 {
        return Ok(false);
    }
    as_data_owner(|| {
        if gated {
            Entitlement::find(tenant, &feature, at, recorded.period, 0)?
                .ok_or_else(|| Error::NoSuchRow("no such tenant".into()))?
                .allow(&feature, 0)?;
        }
        if watched {
            limits::raise_alerts(at, Some(vec![tenant]), Some(&feature))?;
        }
        Ok(true)
    })
}
