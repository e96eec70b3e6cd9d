//! The catalogue of faults: what may be wrong around the program, and what it does then.

mod injection;
mod models;
mod namespaces;
mod privacy;
mod sources;
mod trust;
mod two_users;
