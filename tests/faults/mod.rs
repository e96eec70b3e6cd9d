//! The catalogue of faults: what may be wrong around the program, and what it does then.

mod namespaces;
mod two_users;
