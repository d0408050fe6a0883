//! Tickets: how an operation asks the machine for its turn, and tells what it did with it.
//!
//! An operation registers a ticket when it is first polled and acts only in the poll in which the machine has granted
//! that ticket. Outside a replay there is no desk, and nothing here does anything.

use std::{task::Waker, time::Duration};

use super::{Claim, Grant, Report, TicketId, on_desk};
use crate::{
    history::TaskName,
    machine::trace::{Detail, Facts, Words},
    store::Process,
};

/// What became of an operation that asked for its turn.
pub(crate) enum Registered {
    /// It waits.
    Waits(Ticket),
    /// Its handle is dead.
    Dead,
    /// No replay is going on, or nobody is being polled.
    Outside,
}

/// A turn: on what terms, when, for which delivery, and whether anybody wants to hear of it in words.
pub(crate) struct Terms {
    pub(crate) grant: Grant,
    pub(crate) now: Duration,
    pub(crate) on_behalf: TaskName,
    pub(crate) wants_words: bool,
}

/// An operation's claim to a turn. Dropped, it is taken away again.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: TicketId,
}

impl Ticket {
    /// Registers an operation of the task that is being polled. `None` outside a replay.
    #[cfg(feature = "sqlite")]
    pub(crate) fn register() -> Option<Self> {
        match on_desk(|desk| desk.register(None)) {
            Some(Claim::Waits(id)) => Some(Self { id }),
            _ => None,
        }
    }

    /// Registers an operation whose future is polled with this waker, and perhaps only when it was woken.
    pub(crate) fn register_polled_by(waker: &Waker) -> Registered {
        match on_desk(|desk| desk.register(Some(waker))) {
            Some(Claim::Waits(id)) => Registered::Waits(Self { id }),
            Some(Claim::Dead) => Registered::Dead,
            Some(Claim::Nobody) | None => Registered::Outside,
        }
    }

    /// Registers an operation of a handle that was opened for this process, whose future is polled with this waker.
    pub(crate) fn register_for(process: &Process, waker: &Waker) -> Registered {
        match Self::register_polled_by(waker) {
            // Dropped, it is taken away again.
            Registered::Waits(_) if !lives(process) => Registered::Dead,
            registered => registered,
        }
    }

    /// Its turn, if it has come, for a handle that was opened for this process. Else it was polled in vain.
    pub(crate) fn turn(&self, process: &Process, waker: &Waker) -> Option<Terms> {
        on_desk(|desk| {
            let granted = desk.granted.get().filter(|(id, _)| *id == self.id && desk.is_alive(process));
            let Some((_, grant)) = granted else {
                desk.polled_in_vain(self.id, waker);
                return None;
            };
            let (now, wants_words) = (desk.clock.now(), desk.detail.get() >= Detail::Words);
            Some(Terms { grant, now, on_behalf: desk.polled_for.get()?, wants_words })
        })
        .flatten()
    }

    /// Whether this is its turn, and on what terms.
    pub(crate) fn granted(&self) -> Option<Grant> {
        on_desk(|desk| desk.granted.get()).flatten().and_then(|(id, grant)| (id == self.id).then_some(grant))
    }

    /// It was polled with this waker, and it is not its turn.
    pub(crate) fn polled_in_vain(&self, waker: &Waker) {
        on_desk(|desk| desk.polled_in_vain(self.id, waker));
    }

    /// Whether the words of this step are wanted.
    pub(crate) fn wants_words(&self) -> bool {
        on_desk(|desk| desk.detail.get() >= Detail::Words).unwrap_or(false)
    }

    /// Tells that the operation acted; the ticket is used up.
    pub(crate) fn acted(self, mut facts: Facts, words: Option<Box<Words>>) {
        let gone = on_desk(|desk| {
            let entry = desk.remove(self.id)?;
            facts.stepped = entry.stepped;
            desk.touched_unless_told();
            desk.reports.borrow_mut().push_back(Report::Acted(entry.number, facts, words, desk.clock.asked()));
            Some(entry)
        });
        drop(gone);
        // Nothing is left for its drop to take away.
        std::mem::forget(self);
    }

    /// Tells that the operation found a lock taken, and for how long its store waits for one.
    pub(crate) fn blocked(&self, patience: Duration, words: Option<Box<Words>>) {
        on_desk(|desk| {
            desk.touched_unless_told();
            if let Some(number) = desk.with(self.id, |entry| entry.number) {
                desk.reports.borrow_mut().push_back(Report::Blocked(number, self.id, patience, words));
            }
        });
    }
}

/// How many further operations may act in the poll that goes on.
#[cfg(feature = "sqlite")]
pub(crate) fn allowance() -> u32 {
    on_desk(|desk| {
        desk.steps.set(true);
        desk.allowance.get()
    })
    .unwrap_or(0)
}

/// Tells that one more operation acted, as it was allowed to.
#[cfg(feature = "sqlite")]
pub(crate) fn acted_further(facts: Facts) {
    let facts = Facts { stepped: true, ..facts };
    on_desk(|desk| {
        desk.touched_unless_told();
        if let Some((task, operations)) = desk.polled.get() {
            desk.polled.set(Some((task, operations + 1)));
            desk.allowance.set(desk.allowance.get().saturating_sub(1));
            desk.reports.borrow_mut().push_back(Report::Acted(operations + 1, facts, None, desk.clock.asked()));
        }
    });
}

impl Drop for Ticket {
    fn drop(&mut self) {
        drop(on_desk(|desk| desk.remove(self.id)));
    }
}

/// Tells the machine that a lock was released, so that whoever waits for one tries again. Does nothing outside a replay.
pub(crate) fn release_locks() {
    on_desk(|desk| desk.released.set(true));
}

/// A `step` is about to be polled to its end.
pub(in crate::machine) fn step_begins() {
    on_desk(|desk| desk.stepping.set(true));
}

/// It was.
pub(in crate::machine) fn step_ends() {
    on_desk(|desk| desk.stepping.set(false));
}

/// Tells the machine that the replay cannot be judged, and why. Does nothing outside a replay.
#[cfg(any(feature = "sqlite", debug_assertions))]
pub(crate) fn give_up(why: &str) {
    on_desk(|desk| {
        desk.trouble.borrow_mut().get_or_insert_with(|| why.to_owned());
    });
}

/// The virtual time, if a replay is going on, on this thread.
pub(crate) fn now() -> Option<Duration> {
    on_desk(|desk| desk.clock.now())
}

/// Whether a replay is going on, on this thread, in which this process lives.
pub(crate) fn lives(process: &Process) -> bool {
    on_desk(|desk| desk.is_alive(process)).unwrap_or(false)
}
