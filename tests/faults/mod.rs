//! The catalogue of faults.

mod injection;
