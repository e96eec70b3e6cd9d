//! Everything that needs the real program.

mod daemon;
