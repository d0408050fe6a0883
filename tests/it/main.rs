//! The tests of the whole, in one binary.

mod bad_handlers;
mod bad_input;
mod bounded;
mod cli;
mod complete;
mod contrasts;
mod copies;
mod detection;
mod executions;
mod fuzz;
mod golden;
mod histories;
mod history_errors;
mod invariants;
mod json;
mod judge;
mod laws;
mod losses;
mod mutants;
mod own_claims;
mod own_command_line;
mod promises;
mod questions;
mod random;
mod readme;
mod readme_example;
mod real_handlers;
mod recorded;
mod replies;
mod round_trip;
mod soundness;
mod strategy_docs;
mod tester;
mod threads;
mod verdicts;

// The path begins in this folder only because this is the root of the crate.
redeliver::threads::over_loom!(#[path = "../../strategies/src/claims"] mod claims: lease, sequence, sharded, table, window);
