//! Work on many rows of which a few may be at fault.

use crate::error::Result;
use crate::subtransaction::{Failure, subtransaction};

/// Does `work` for all of `rows` but those whose data can't be worked on: they are found by halving,
/// and `left_out` is told of each. Returns the sum of what `work` returned.
///
/// # Errors
/// What is no fault of the data, such as a deadlock: it is the caller's to repeat.
pub fn apart<T>(
    rows: &[T],
    work: &dyn Fn(&[T]) -> Result<i64>,
    left_out: &mut dyn FnMut(&T, Failure),
) -> Result<i64> {
    if rows.is_empty() {
        return Ok(0);
    }
    match subtransaction(|| work(rows)) {
        Ok(count) => Ok(count),
        Err(failure) if !failure.is_of_data() => work(rows),
        Err(failure) => match rows {
            [row] => {
                left_out(row, failure);
                Ok(0)
            }
            _ => {
                let (first, second) = rows.split_at(rows.len() / 2);
                Ok(apart(first, work, left_out)? + apart(second, work, left_out)?)
            }
        },
    }
}
