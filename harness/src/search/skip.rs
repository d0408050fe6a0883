//! What cannot differ from a history that was searched, and so is left out.
//!
//! **A crash that repeats.** A crash takes the process's memory and every delivery in it; what is left is what is durable,
//! the locks, the clock, the broker and the other processes. If nothing but harmless steps of that one process stand
//! between two points of it, all of these are the same at both, and so is everything after the crash: the same
//! verdict, and the same further faults. A step is harmless if it changed nothing durable, took or released no lock and
//! suffered no fault. Any other event (a delivery, a return, a settlement, a wait, a step of another process) may have
//! changed the broker, the schedule or what counts as handled. The oracle also sees which deliveries looked at
//! the clock or drew randomness, and a crash decides whether one comes to that; so the step with which a delivery first does
//! is not harmless.
//!
//! **A jump before anybody looks.** If a task goes on from one point to the next and nobody looks at a clock meanwhile, it is all
//! one whether the clock jumps before the step or after it. So it jumps as late as it can. What a further fault makes of it
//! may differ only where that strikes the same point, before the step: nothing else comes between. Nor does it jump twice
//! before anybody looks: that is a jump of another length, and the ladder says which lengths are tried.
//!
//! **A fault after a lull that was seen.** Where no delivery is in progress and every fault has acted, what is to come
//! depends on what everything came to by then: what is durable, the clock, the broker. Two histories that came to the same
//! go on alike, and so they do with any one fault after that. One of them is continued from there on, and it is one with as
//! many faults, so that nothing is found with more faults than it takes. Handlers must keep nothing in memory for that, but
//! in their processes: where these have a memory, or a store cannot tell its state, nothing is left out.
//!
//! **A history whose trace was seen.** The verdict depends on the trace alone: the handler is deterministic, so the events
//! (who was delivered, acted, suffered, returned, at which virtual time) and the order in which second copies were made say
//! everything that happened, and the same faults need not be behind them. So its verdict is known. What further faults
//! would do depends on more: who stands and for what, who waited longer, what the broker holds, which deferrals hold
//! on. The machine hashes that when the last fault has acted; if it acted at the same place and left the same, every further
//! fault acts alike in both, and only one of the two need be continued. Histories are searched with the fewest faults first,
//! so the one that is kept never has more faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
};

use rustc_hash::FxHasher;

use super::candidates::reads_clock;
use crate::{
    History,
    history::{Coordinate, Fault},
    machine::trace::{Acted, Event, Replay},
    store::Process,
};

/// How many histories were left out, or judged without the oracle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// Faults that were not added, since what they come to is known: such a history is not judged, nor is any made from it but
    /// with faults that strike the very place of its last jump.
    pub(crate) untried: u64,
    /// Replays with the trace of an earlier one; not judged again.
    pub(crate) judged: u64,
    /// Of those, the ones from which no further fault was tried.
    pub(crate) continued: u64,
}

/// Whether a fault comes to the same as another one of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    No,
    /// With whatever is added to it.
    Wholly,
    /// And so does what is added to it, unless that strikes at the same place.
    ButForItsPlace,
}

/// Follows a trace and says where a jump of the clock is as good one point later.
pub(super) struct Jumps {
    /// The points at which an operation waits for a lock: it does so until some time.
    waiting: BTreeSet<Coordinate>,
    /// Before which operation the clock jumped, if that was the last fault, and after how many events.
    jump: Option<(Coordinate, usize)>,
    /// That operation acted, and nobody looked since.
    just_jumped: bool,
}

impl Jumps {
    pub(super) fn new(history: &History, replay: &Replay) -> Self {
        let jump = |acted: &Acted| match history.faults[acted.fault] {
            Fault::Advance { at, .. } => Some((at, acted.position)),
            _ => None,
        };
        Self { waiting: BTreeSet::new(), jump: replay.acted.last().and_then(jump), just_jumped: false }
    }

    /// Whether the last fault let the clock jump, and nobody looked since.
    pub(super) fn has_just_jumped(&self) -> bool {
        self.just_jumped
    }

    /// Whether a jump before this event comes to the same as one before the next, which is the same task's.
    pub(super) fn repeats(&self, replay: &Replay, at: usize) -> bool {
        let (Some(Event::Step { at: point, facts, .. }), Some(next)) =
            (replay.events.get(at), replay.events.get(at + 1))
        else {
            return false;
        };
        let (Event::Step { at: then, .. } | Event::Blocked { at: then, .. }) = next else { return false };
        let nobody_looks = !facts.looks && facts.deadline.is_none() && !facts.went_wrong();
        nobody_looks && then.task == point.task && then != point && self.waiting.is_empty() && !replay.waited_elsewhere
    }

    /// This event happened.
    pub(super) fn passes(&mut self, replay: &Replay, at: usize) {
        let event = &replay.events[at];
        let jumped_before = |(point, after)| at == after + 1 && event.point() == Some(point);
        self.just_jumped |= self.jump.is_some_and(jumped_before);
        self.just_jumped &= self.repeats(replay, at);
        match event {
            Event::Blocked { at, .. } => {
                self.waiting.insert(*at);
            }
            Event::Step { at, .. } => {
                self.waiting.remove(at);
            }
            Event::Crashed { lost, .. } => self.waiting.retain(|point| !lost.contains(&point.task)),
            Event::Cancelled { task, .. } => self.waiting.retain(|point| point.task != *task),
            _ => {}
        }
    }
}

/// Follows a trace and says which crashes repeat the one before.
pub(super) struct CrashRun {
    /// Of this process a crash stands before, and nothing that matters happened since.
    process: Option<Process>,
    /// Nothing repeats, since nobody can tell how far a delivery came.
    never: bool,
}

impl CrashRun {
    pub(super) fn new(replay: &Replay) -> Self {
        Self { process: None, never: replay.waited_elsewhere }
    }

    /// A crash can be put before this event. Whether it repeats the one before.
    pub(super) fn strikes(&mut self, event: &Event) -> bool {
        let (Event::Step { process, .. } | Event::Blocked { process, .. } | Event::Settled { process, .. }) = event
        else {
            return false;
        };
        if self.process.as_ref() == Some(process) {
            return !self.never;
        }
        self.process = Some(process.clone());
        false
    }

    /// This event happened.
    pub(super) fn passes(&mut self, event: &Event) {
        let harmless = match event {
            Event::Step { process, facts, .. } => {
                let nothing = !facts.changes && !facts.locks && !facts.uses && !facts.went_wrong();
                self.process.as_ref() == Some(process) && nothing
            }
            _ => false,
        };
        if !harmless {
            self.process = None;
        }
    }
}

/// The lulls from which every further fault is tried, by workload and number of faults then.
#[derive(Default)]
pub(super) struct Expanded {
    lulls: BTreeSet<(usize, usize, bool, u64)>,
}

impl Expanded {
    /// The position from which this trace goes on as one that is continued with every further fault, to come to so many
    /// faults; its end if there is none. From now on this one is continued too, up to there.
    pub(super) fn known_from(&mut self, workload: usize, count: usize, parent: &Replay) -> usize {
        // Where a clock was read, in whatever delivery, it is also advanced.
        let advances = reads_clock(parent);
        let mut new = parent.lulls.iter().skip_while(|lull| self.lulls.insert((workload, count, advances, lull.key)));
        new.next().map_or(usize::MAX, |lull| lull.position)
    }
}

/// The traces that were seen, by workload and key.
#[derive(Default)]
pub(super) struct Seen {
    first: BTreeMap<(usize, u64), Left>,
}

/// Where the last fault of a history acted and what the machine knew then.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Left {
    position: usize,
    standing: u64,
}

/// What is known of a history whose trace was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Its trace is new.
    New,
    /// Its verdict is that of an earlier one.
    SameVerdict,
    /// And so is whatever further faults come to.
    SameChildren,
}

impl Seen {
    /// Looks up a trace, and remembers it if it is new.
    pub(super) fn meet(&mut self, workload: usize, faults: &[Fault], replay: &Replay) -> Met {
        let position = replay.acted.last().map_or(0, |acted| acted.position);
        let left = Left { position, standing: replay.standing };
        match self.first.entry((workload, trace_key(faults, replay))) {
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(left);
                Met::New
            }
            std::collections::btree_map::Entry::Occupied(seen) if *seen.get() == left => Met::SameChildren,
            std::collections::btree_map::Entry::Occupied(_) => Met::SameVerdict,
        }
    }
}

/// What happened, and in which order second copies were made: the broker numbers them, and a handler may ask for that.
fn trace_key(faults: &[Fault], replay: &Replay) -> u64 {
    let mut hasher = FxHasher::default();
    replay.key.hash(&mut hasher);
    for acted in &replay.acted {
        if let Fault::Duplicate { message, .. } = &faults[acted.fault] {
            message.hash(&mut hasher);
        }
    }
    hasher.finish()
}
