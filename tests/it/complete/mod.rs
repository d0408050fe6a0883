//! The complete search: how many executions it takes, that it misses none, and what it says.
//!
//! `cells` are the reference cells, by their closed forms; `nothing_missed` holds it against plain enumeration of the same
//! workload, where what an operation touches is hardest to say,
//! and `on_sqlite` where SQLite says which tables that are; `told` is what a person hears of it.

mod cells;
mod handlers;
mod nothing_missed;
mod on_sqlite;
mod told;
