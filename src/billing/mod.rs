//! What is sold and what is owed.
//!
//! The engine is pure: `credit`, `period`, `price`, `proration`, `rounding` know no database.
//! `plan`, `subscription`, `advance`, `invoice`, `close`, `ledger` fetch, calculate in SQL by sets, and store.

pub mod credit;
pub mod credit_note;
pub mod discount;
pub mod error;
pub mod period;
pub mod price;
pub mod proration;
pub mod rounding;

mod advance;
mod batch;
mod close;
pub mod gate;
mod invoice;
mod invoice_total;
pub mod ledger;
pub mod object;
mod pace;
mod plan;
mod preview;
mod pure_functions;
#[cfg(test)]
mod simulation;
pub(crate) mod subscription;
pub mod void;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/billing/comments.sql",
    name = "billing_comments",
    requires = [
        "billing_functions",
        define_plan,
        subscribe,
        change_subscription,
        preview_change,
        set_add_on,
        preview_add_on,
        cancel_subscription,
        pause_subscription,
        resume_subscription,
        advance_subscriptions,
        generate_invoice,
        finalize_invoice,
        void_invoice,
        mark_uncollectible,
        close_next_batch,
        give_way,
        grant_credit,
        spend_credit,
        credit_balance,
        preview_invoice,
        price_quantity,
        usage_tiers,
        billing_period,
        billing_days,
        prorate,
        round_minor,
        check_invoice_total
    ]
);
