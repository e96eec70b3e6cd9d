//! All integration tests in one binary; a module a subject.

mod support;

mod alerts;
mod architecture;
mod bad_configs;
mod batteries;
mod broken_machines;
mod budgets;
mod byobu;
mod channels;
mod command_line;
mod compat;
mod custom;
mod daemon;
mod docs;
mod dvtm;
mod faults;
mod host_screens;
mod machines;
mod persistent_sources;
mod prompt_latency;
mod properties;
mod registered;
mod registry;
mod screen;
mod sessions;
mod shells;
mod status;
mod targets;
mod tmux;
mod try_command;
