//! The user's invariants: looked at in the beginning and after everything that may have changed what is observed.
//!
//! What is looked at, and what an invariant says of it, is the handlers' side. Only the first that does not hold is noted;
//! reference runs are not looked at, since what they leave is all that is asked of them.

use super::{
    replay::Run,
    trace::{Broken, Event},
};
use crate::Error;

impl Run<'_> {
    /// Looks whether the invariants hold, if there are any and something may have changed since the last look.
    pub(super) fn note_broken(&mut self) -> Result<(), Error> {
        if !self.has_invariants || self.broken.is_some() {
            return Ok(());
        }
        let new = &self.events[self.looked_at..];
        let changes = |event: &Event| matches!(event, Event::Step { facts, .. } if facts.changes);
        let last = new.iter().rposition(changes).or_else(|| new.iter().rposition(may_change));
        let position = match last {
            Some(at) => self.looked_at + at + 1,
            None if self.events.is_empty() => 0,
            None => return Ok(()),
        };
        self.looked_at = self.events.len();
        if let Some((label, seen)) = self.handlers.broken()? {
            self.broken = Some(Broken { position, label, seen });
        }
        Ok(())
    }
}

/// What may have changed what is observed without saying so: a store of the user's own has no points, and what expires goes
/// with time; drop guards act where a handler is cancelled.
fn may_change(event: &Event) -> bool {
    matches!(
        event,
        Event::Returned { .. }
            | Event::RoundEnded { .. }
            | Event::Crashed { .. }
            | Event::Cancelled { .. }
            | Event::Clock { .. }
    )
}
