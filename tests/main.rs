//! All integration tests in one binary; a module a subject.

mod support;

mod architecture;
mod bad_configs;
mod daemon;
mod docs;
mod floor;
mod registry;
mod targets;
