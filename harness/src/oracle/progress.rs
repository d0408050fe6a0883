//! Progress: every message is handled in the end.
//!
//! That one is not is a violation by itself, whatever is seen: it comes before any complaint that nothing can be seen.

use crate::machine::trace::{End, Replay};

/// The messages that are never handled, in publish order.
pub(super) fn stuck(replay: &Replay) -> &[usize] {
    match &replay.end {
        End::Stuck(messages) => messages,
        End::Drained | End::Inconclusive(_) => &[],
    }
}
