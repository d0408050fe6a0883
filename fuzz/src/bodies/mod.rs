//! What each fuzz target does with its bytes: a function that panics where something is wrong.
//!
//! Each says whether the bytes said anything, so that nobody takes a target for quiet that is idle. The targets call them,
//! and so does a test of the workspace, with the inputs that were kept.

mod handlers;
mod programs;
mod replay;
mod stores;
mod texts;

pub use handlers::handlers;
pub use replay::{Cells, replay};
pub use stores::key_value_vs_sqlite;
pub use texts::{line, text};
