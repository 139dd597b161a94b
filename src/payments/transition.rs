//! Legal moves from one state to another.

use crate::error::{Error, Result};
use crate::sql;

/// The states to go through from one to another, the last one included: providers skip states that
/// lie between, such as `open` between `failed` and `paid`.
///
/// # Errors
/// 55000 when there is no way.
pub fn path(entity: &str, from: &str, to: &str) -> Result<Vec<String>> {
    let path = sql::read_one::<Vec<String>>(
        include_str!("../../sql/payments/path.sql"),
        &[entity.into(), from.into(), to.into()],
    )?;
    path.ok_or_else(|| {
        Error::State(
            format!("{entity} can't go from {from} to {to}"),
            "See saas.state_transitions.",
        )
    })
}
