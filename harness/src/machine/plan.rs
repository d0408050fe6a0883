//! What the machine is asked to do: a history to replay, or a reference run.

use super::{chooser::Chooser, task::Work, trace::Supplied};
use crate::{
    Error,
    contract::Recalled,
    delivery::{CopyId, Ending, HandedOut, HeldCopy, Queue, Rules, Term},
    history::{DeliveryName, Fault, Label, Loss},
    message::Supply,
    store::{Observation, Process},
};
use std::{
    cell::Cell,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

/// What the machine is asked to do.
pub(crate) struct Plan<'a> {
    pub(crate) rules: &'static dyn Rules,
    pub(crate) processes: usize,
    pub(crate) messages: usize,
    /// Their ordering keys, where the rules look at them.
    pub(crate) keys: &'a [Option<&'a str>],
    pub(crate) faults: &'a [Fault],
    /// Set for a reference run: each of these once, one after the other, whatever comes of it.
    pub(crate) turns: Option<&'a [Turn]>,
    /// For a reference run: whatever goes on in the background comes to rest before the next delivery, not only in the end.
    pub(crate) rests_between: bool,
    /// What every process does beside handling messages.
    pub(crate) works: &'a [Background],
    /// For a reference run: not before this time is it observed.
    pub(crate) until: Duration,
    /// Second copies of a message differ from the first.
    pub(crate) copies_vary: bool,
    /// The machine notes here what it sees.
    pub(crate) habits: &'a Habits,
    /// Who says what happens next, where it is not the scheduling order.
    pub(crate) chooser: Option<&'a dyn Chooser>,
}

/// Work of a process that no message asks for: a round of it every so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Background {
    pub(crate) label: Label,
    /// From the end of a round to the beginning of the next. At least a millisecond.
    pub(crate) period: Duration,
}

/// What a handler was ever seen to do, in any replay.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    /// Several things at once in one delivery.
    pub(crate) concurrent: Cell<bool>,
    /// It waited for something that is not ours, or spawned something: for a timer, most likely.
    pub(crate) waits_elsewhere: Cell<bool>,
    /// It looked at an ordering key.
    pub(crate) asks_for_keys: Cell<bool>,
}

/// One delivery of a reference run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// Which message.
    pub(crate) message: usize,
    /// The virtual time at which it begins.
    pub(crate) at: Duration,
    /// The seed of its randomness.
    pub(crate) seed: u64,
    /// Which copy of the message, counted from 0.
    pub(crate) copy: u32,
}

impl Turn {
    /// The turn of a message that is supplied as its first delivery is in the plain run, at the beginning of time.
    pub(crate) fn plain(message: usize) -> Self {
        Self { message, at: Duration::ZERO, seed: seed_of(DeliveryName::new(message, 1)), copy: 0 }
    }

    /// The turn of a message that is supplied as one of its deliveries was.
    pub(crate) fn supplied(message: usize, supplied: &Supplied) -> Self {
        Self { message, at: supplied.began, seed: supplied.seed, copy: supplied.copy }
    }
}

/// The seed of a delivery's randomness: its own, and the same in each replay.
pub(super) fn seed_of(delivery: DeliveryName) -> u64 {
    (delivery.message as u64) << 32 | u64::from(delivery.number)
}

/// The user's side of a replay, with its types forgotten.
pub(crate) trait Handlers {
    /// Puts everything durable back.
    fn reset(&mut self) -> Result<(), Error>;

    /// Calls the handler for one delivery, starting the process if it does not run.
    fn start(&mut self, call: Call) -> Result<Work, Error>;

    /// Begins a round of background work, starting the process if it does not run.
    fn begin_round(&mut self, process: &Process, work: usize) -> Result<Work, Error>;

    /// The process died: what it held is dropped, what it left open is undone.
    fn crash(&mut self, process: &Process);

    /// What the stores can lose, by their names.
    fn losses(&self) -> Arc<[(Label, Loss)]> {
        Arc::default()
    }

    /// A store loses something. Whether it had so much to lose.
    fn forget(&mut self, _store: Label, _loss: Loss, _count: u32) -> bool {
        false
    }

    /// What can be seen now.
    fn observe(&mut self) -> Result<Observation, Error>;

    /// Whether the verdict depends on when each delivery was made, how long it took and how it ended.
    fn recalls(&self) -> Recalled {
        Recalled::default()
    }

    /// Whether they look at a clock where nobody sees it.
    fn look_unseen(&self) -> bool {
        false
    }

    /// Whether there are invariants of the user's.
    fn has_invariants(&self) -> bool {
        false
    }

    /// The first invariant that does not hold now, by its label, and what is seen.
    fn broken(&mut self) -> Result<Option<(Arc<str>, Observation)>, Error> {
        Ok(None)
    }

    /// A hash of everything that outlives a delivery: what is durable, and the memory of the processes. `None` where that
    /// cannot be told.
    fn digest(&mut self) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// The replay is over: the processes are dropped.
    fn finish(&mut self);
}

/// One call of the handler.
pub(crate) struct Call {
    pub(crate) message: usize,
    pub(crate) process: Process,
    pub(crate) attempt: u32,
    pub(crate) copy: CopyId,
    /// How many copies of its message there were before this one, where copies differ.
    pub(crate) variant: u32,
    pub(crate) supply: Arc<Supply>,
    /// Somebody compares what the handler replies.
    pub(crate) wants_reply: bool,
}

/// The queue of a reference run: each turn once, and never again.
pub(super) struct Once {
    copies: Vec<HeldCopy>,
}

impl Once {
    pub(super) fn new(turns: &[Turn]) -> Self {
        let held = |turn: &Turn| HeldCopy {
            message: turn.message,
            attempts: 0,
            in_flight: 0,
            due: Some(Duration::ZERO),
            settled: false,
        };
        Self { copies: turns.iter().map(held).collect() }
    }
}

impl Queue for Once {
    fn publish(&mut self, _messages: usize, _keys: &[Option<&str>]) {}

    fn duplicate(&mut self, _message: usize, _now: Duration) -> CopyId {
        unreachable!("a reference run has no faults")
    }

    fn due(&self, _now: Duration, may: &mut dyn FnMut(&HeldCopy) -> bool) -> Option<CopyId> {
        // One after the other: whoever waits for another delivery waits for ever.
        if self.copies.iter().any(|copy| copy.in_flight > 0) {
            return None;
        }
        self.copies.iter().position(|copy| copy.due.is_some() && may(copy)).map(CopyId)
    }

    fn hand_out(&mut self, copy: CopyId) -> HandedOut {
        let copy = &mut self.copies[copy.0];
        copy.due = None;
        copy.attempts += 1;
        copy.in_flight += 1;
        HandedOut { attempt: copy.attempts, term: Term::default() }
    }

    fn acked(&mut self, copy: CopyId, _term: Term) -> bool {
        self.copies[copy.0].settled = true;
        true
    }

    fn ended(&mut self, copy: CopyId, _term: Term, _how: Ending, _now: Duration) -> bool {
        let copy = &mut self.copies[copy.0];
        copy.in_flight -= 1;
        copy.settled = true;
        true
    }

    fn next_due(&self, _now: Duration) -> Option<Duration> {
        None
    }

    fn copy(&self, copy: CopyId) -> &HeldCopy {
        &self.copies[copy.0]
    }

    fn remember(&self, mut state: &mut dyn Hasher) {
        self.copies.hash(&mut state);
    }
}
