//! Lives, T41–T50: who starts the daemon, what ends it, how it is replaced.
