//! The machine: the only code that runs a handler.
//!
//! Single-threaded and deterministic. It polls handlers by hand and lets one operation act at a time, where the scheduling
//! order of the design and the faults of the history say so. It knows nothing of what is right or wrong (`oracle`) nor of
//! which histories to try (`search`).

mod act;
mod activity;
mod aims;
#[cfg(feature = "sqlite")]
pub(crate) mod baton;
pub(crate) mod chooser;
mod clock;
mod desk;
mod disturbed;
#[cfg(test)]
pub(crate) mod drawn;
pub(crate) mod execution;
mod faults;
pub(crate) mod footprint;
mod host;
mod invariants;
mod lull;
mod operation;
mod plan;
pub(crate) mod quiet;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod recording;
mod replay;
mod room;
mod rounds;
mod schedule;
mod spans;
mod spawned;
mod standing;
mod stores;
mod task;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_kafka;
#[cfg(test)]
mod tests_pinned;
#[cfg(test)]
mod tests_record;
#[cfg(test)]
mod tests_rounds;
#[cfg(test)]
mod tests_spawned;
#[cfg(test)]
mod tests_supplied;
#[cfg(test)]
mod tests_tokio;
#[cfg(test)]
mod tests_uses;
mod tokio;
pub(crate) mod trace;
mod uses;

pub(crate) use activity::Activity;
pub(crate) use clock::Clock;
#[cfg(any(feature = "sqlite", debug_assertions))]
pub(crate) use desk::give_up;
#[cfg(feature = "sqlite")]
pub(crate) use desk::{Grant, Ticket, acted_further, allowance, is_asked};
pub(crate) use desk::{lives, now, release_locks, touches};
pub(crate) use disturbed::disturbed;
pub(crate) use operation::{Act, Operation, Turn as OperationTurn, operate};
pub(crate) use plan::{Background, Call, Habits, Handlers, Plan, Turn};
pub(crate) use replay::Machine;
pub(crate) use spans::{Ending as SpanEnding, Span};
pub(crate) use task::Work;
