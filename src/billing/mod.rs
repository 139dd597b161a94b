//! What is sold and what is owed.
//!
//! The engine is pure: `credit`, `period`, `price`, `proration`, `rounding` know no database.
//! `subscription`, `invoice`, `close`, `ledger` fetch, calculate in SQL by sets, and store.

pub mod credit;
pub mod error;
pub mod period;
pub mod price;
pub mod proration;
pub mod rounding;

mod close;
mod invoice;
mod invoice_total;
mod ledger;
mod pure_functions;
mod subscription;
