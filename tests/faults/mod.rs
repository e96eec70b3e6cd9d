//! The catalogue of faults.

mod injection;
mod models;
mod privacy;
mod sources;
mod trust;
