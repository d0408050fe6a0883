//! A consumer with a pool of threads, which share a table of what is being handled.

pub mod claims;

use std::sync::Arc;

use claims::in_flight::InFlight;

/// What a thread does with a message: nothing where another thread is at it.
pub fn handle(in_flight: &Arc<InFlight>, id: u64, work: impl FnOnce()) -> bool {
    let is_ours = in_flight.claim(id);
    if is_ours {
        work();
        in_flight.give_up(id);
    }
    is_ours
}
