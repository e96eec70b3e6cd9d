//! The catalogue of faults.

mod injection;
mod sources;
