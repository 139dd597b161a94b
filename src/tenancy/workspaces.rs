//! How many tenants a user may own.

use crate::error::{Error, Result};
use crate::sql;

/// Takes the user's row, so that two calls for one user follow each other and can't both take the last place. The row is
/// written, not only locked, so that under REPEATABLE READ the second fails instead of counting in an old snapshot.
///
/// # Errors
/// 23503 for an unknown or deleted user.
pub fn hold(user: pgrx::Uuid) -> Result<()> {
    let lives = sql::write_one::<bool>(
        "UPDATE saas.users SET name = name WHERE id = $1 RETURNING deleted_at IS NULL",
        &[user.into()],
    )?;
    if lives != Some(true) {
        return Err(Error::NoSuchRow("no such user".into()));
    }
    Ok(())
}

/// # Errors
/// 53400 when his plans allow no further tenant.
pub fn require_room(user: pgrx::Uuid) -> Result<()> {
    let query = include_str!("../../sql/tenancy/owned_tenants.sql");
    let (owned, most) = sql::write(query, &[user.into()], |table| {
        let row = table.first();
        Ok((row.get::<i64>(1)?.unwrap_or(0), row.get::<i32>(2)?.unwrap_or(1)))
    })?;
    if most >= 0 && owned >= i64::from(most) {
        return Err(Error::Limit(
            format!("this user owns {owned} tenants, his plans allow {most}"),
            "Choose a plan with more workspaces for one of them.",
        ));
    }
    Ok(())
}
