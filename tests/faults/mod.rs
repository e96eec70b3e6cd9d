//! The catalogue of faults.

mod injection;
mod models;
mod sources;
