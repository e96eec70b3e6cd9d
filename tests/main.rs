//! All integration tests in one binary; a module a subject.

mod support;

mod alerts;
mod architecture;
mod asking;
mod bad_configs;
mod byobu;
mod channels;
mod command_line;
mod compat;
mod custom;
mod daemon;
mod docs;
mod dvtm;
mod faults;
mod floor;
mod held;
mod looks;
mod machines;
mod power;
mod properties;
mod registered;
mod registry;
mod screen;
mod sessions;
mod shells;
mod status;
mod targets;
mod tmux;
mod trials;
