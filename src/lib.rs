//! `saas_core`: the core of a multi-tenant SaaS as a PostgreSQL extension.
//!
//! This file is the map. Each domain is a folder: its `mod.rs` holds its SQL functions, pure logic
//! stands beside it, its tables and triggers are under the same name in `sql/`.

::pgrx::pg_module_magic!(name, version);

mod audit;
pub mod billing;
mod commit;
mod context;
mod coupons;
mod documents;
mod error;
mod iam;
mod install;
mod jsonb;
mod owner;
mod payments;
mod privacy;
mod sql;
mod subtransaction;
mod tax;
mod tenancy;
mod usage;

/// Called by PostgreSQL when it loads the library into a backend.
#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    context::setting::define();
    iam::epoch::register();
}
