//! All integration tests in one binary; a module a subject.

mod support;

mod architecture;
mod asking;
mod bad_configs;
mod daemon;
mod docs;
mod power;
mod registry;
mod targets;
