//! Events of payment providers: each has its effect once, and only on whom it is about.

mod delivery;
mod input;
mod invoices;
mod keys;
mod one_time;
mod subscriptions;
mod webhooks;
mod workers;
mod world;
