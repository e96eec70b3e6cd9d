//! What may be wrong around the program, and what it does then.

mod connections;
mod lying_daemon;
