//! What may be wrong around the program, and what it does then.

mod alert_queue;
mod budgets_of_memory;
mod processes;
