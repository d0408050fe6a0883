//! SQLite through rusqlite: a database as production runs it, whose statements are steps.
//!
//! `database` is the durable side, `handle` a process's side. Synchronous code goes through `call` on a stepped thread, async
//! code through `operations` on the machine's own; both use the connections of `pool` and the hooks of `hooks`. `reset` puts
//! the database back between replays, `files` says where it lives, `words` prints what happened, and
//! `footprint` tells a complete search what each statement touches.

mod call;
mod database;
mod files;
mod footprint;
mod handle;
mod hooks;
mod left;
mod operations;
mod pool;
mod reset;
mod transaction;
mod words;

pub use database::Database;
pub use handle::Sqlite;
pub use hooks::instrument;
pub use transaction::Transaction;

#[cfg(test)]
mod tests;
