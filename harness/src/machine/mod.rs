//! The machine: the only code that runs a handler.
//!
//! Single-threaded and deterministic. It polls handlers by hand and lets one operation act at a time, where the scheduling
//! order of the design and the faults of the history say so. It knows nothing of what is right or wrong (`oracle`) nor of
//! which histories to try (`search`).

mod operation;
mod plan;
mod task;
mod ticket;
mod trace;

pub(crate) use ticket::Clock;
