//! The record of one replay: what happened, step by step.
//!
//! A trace is written by the machine and read by the oracle, the search and the report; nothing else makes one.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use crate::{
    history::{Coordinate, DeliveryName, Label, Loss, Place, RoundName, Skew, TaskName},
    store::{Observation, Process},
};

/// How much of a replay is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// What the search and the oracle need: no words.
    Facts,
    /// And what everything came to wherever nothing was in progress.
    Lulls,
    /// And the words of every operation and its result.
    Words,
    /// And whether each step changed what is observed.
    Watched,
}

/// Everything that one replay left behind.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    /// What happened, in order.
    pub(crate) events: Vec<Event>,
    /// The faults that acted, in the order in which they did.
    pub(crate) acted: Vec<Acted>,
    /// The faults that did not, with why.
    pub(crate) unused: Vec<Unused>,
    /// What became of each message, in publish order.
    pub(crate) fates: Vec<Fate>,
    /// What can be seen in the end.
    pub(crate) observation: Observation,
    /// How the replay ended.
    pub(crate) end: End,
    /// A hash of everything that happened, but not of the faults that made it happen.
    pub(crate) key: u64,
    /// A hash of what the machine knew, beside what had happened, when the last fault had acted.
    pub(crate) standing: u64,
    /// A handler waited for something that is not ours, most likely for a timer of tokio, or spawned something.
    pub(crate) waited_elsewhere: bool,
    /// The periods of the background work that went on.
    pub(crate) periods: Vec<Duration>,
    /// Where nothing was in progress, after the last fault; only with [`Detail::Lulls`], of stores that can tell.
    pub(crate) lulls: Vec<Lull>,
    /// What its stores can lose, by their names.
    pub(crate) losses: Arc<[(Label, Loss)]>,
    /// What is kept to know messages again, which is no part of what is seen.
    pub(crate) state: Observation,
    /// The first time that an invariant of the user's did not hold.
    pub(crate) broken: Option<Broken>,
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// After how many events it did not; the last of them is what broke it.
    pub(crate) position: usize,
    /// What the user calls it.
    pub(crate) label: Arc<str>,
    /// What could be seen then.
    pub(crate) seen: Observation,
}

/// A moment in which no delivery is in progress, and no fault is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lull {
    /// How many events came before it.
    pub(crate) position: usize,
    /// A hash of all that what comes after it, and the verdict on the whole, can depend on.
    pub(crate) key: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A delivery began.
    Delivered { delivery: DeliveryName, process: Process, origin: Origin },
    /// A round of background work began.
    RoundBegan { round: RoundName, process: Process },
    /// An operation acted, or failed as a fault or a lock made it.
    Step { at: Coordinate, process: Process, facts: Facts, words: Option<Box<Words>> },
    /// An operation found a lock taken and waits, but no longer than until this time.
    Blocked { at: Coordinate, process: Process, until: Duration, words: Option<Box<Words>> },
    /// A handler returned.
    Returned { delivery: DeliveryName, process: Process, answer: Answer },
    /// A round of background work ended; with what it panicked, if it did.
    RoundEnded { round: RoundName, process: Process, panicked: Option<String> },
    /// The broker heard of it, or should have.
    Settled { delivery: DeliveryName, process: Process, how: Settlement },
    /// A process died with all that it held; it starts again with its next delivery.
    Crashed { process: Process, lost: Vec<TaskName> },
    /// A handler, or a round, was dropped before its end, and its drop guards ran.
    Cancelled { task: TaskName, process: Process },
    /// The clock moved.
    Clock { to: Duration },
    /// The clock of a process that is to be given its first delivery is not that of the others.
    Skewed { process: Process, skew: Skew },
    /// A store lost something that it held.
    Forgot { store: Label, loss: Loss, count: u32 },
}

/// Why a delivery was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The message was published.
    First,
    /// The broker holds another copy of it.
    Copy,
    /// An earlier delivery was not acknowledged.
    Redelivery,
    /// An earlier delivery still runs.
    Overlap,
}

/// How a handler answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Done(Reply),
    Retry(String),
    Reject(String),
    Panicked(String),
}

/// What a handler replied, as `Debug` prints it; `None` where nobody hears it, or it says nothing.
pub(crate) type Reply = Option<Arc<str>>;

impl Answer {
    /// Done, and no more.
    pub(crate) const DONE: Self = Self::Done(None);

    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// Whether who asked needs not ask again.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Reject(_))
    }
}

/// What the broker made of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Settlement {
    /// Acknowledged.
    Acked,
    /// Acknowledged by the handler itself, before it returned.
    AckedEarly,
    /// Asked to deliver it again.
    Nacked,
    /// Put aside as a dead letter.
    DeadLettered,
    /// The acknowledgement was lost on its way.
    AckLost,
    /// Done or rejected, and nobody hears of it: the broker had let go of the message.
    Unheard,
    /// Asked to deliver it again, and nobody does.
    Ignored,
    /// Done or rejected, and the broker takes no acknowledgement from its process: it had handed the message to another one.
    Fenced,
}

/// What a step was, as far as the search and the oracle have to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// It could have failed without effect.
    pub(crate) can_fail: bool,
    /// It could have taken effect and still returned an error.
    pub(crate) can_lose_reply: bool,
    /// It may have changed what is durable.
    pub(crate) changes: bool,
    /// It took or released a lock that others see.
    pub(crate) locks: bool,
    /// It released a lock, if only because its handler then dropped what held it, and an operation that found one taken had
    /// not acted. The machine sets it.
    pub(crate) frees: bool,
    /// It read a clock, or something that expires.
    pub(crate) reads_clock: bool,
    /// The virtual time at which what it wrote expires.
    pub(crate) deadline: Option<Duration>,
    /// The fault that it suffered.
    pub(crate) suffered: Option<Injected>,
    /// It waited for a lock as long as its store does, and got the store's own error.
    pub(crate) gave_up: bool,
    /// Its store refused it without waiting, since another transaction came first.
    pub(crate) refused: bool,
    /// It told the broker that the message is settled.
    pub(crate) acks: bool,
    /// Synchronous code did it: who waits for such code can be dropped, the code goes on.
    pub(crate) stepped: bool,
    /// Whether what can be observed changed; only with [`Detail::Watched`].
    pub(crate) observed_change: bool,
    /// With it, or before the next operation of its task, somebody looked at a clock, or at something that expires. The
    /// machine sets it.
    pub(crate) looks: bool,
    /// With it, or before the next operation of its task, its delivery first looked at the clock, or first drew randomness. The
    /// machine sets it.
    pub(crate) uses: bool,
}

/// A fault that an operation suffers, rather than its process or its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Injected {
    Fail,
    LoseReply,
}

/// A step in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Words {
    /// Whose operation it is, of a store that the user gave a name.
    pub(crate) store: Option<Arc<str>>,
    /// The operation: SQL with its parameters, `get seen:m0`, a label.
    pub(crate) what: String,
    /// What came of it: `0`, `1 row`, an error.
    pub(crate) result: String,
    /// What it read, by table or key.
    pub(crate) reads: Vec<String>,
    /// What it wrote, by table or key.
    pub(crate) writes: Vec<String>,
}

/// A fault that acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Acted {
    /// Its place among the history's faults.
    pub(crate) fault: usize,
    /// How many events came before it.
    pub(crate) position: usize,
}

/// A fault that did not act.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Unused {
    /// Its place among the history's faults.
    pub(crate) fault: usize,
    /// Why: its coordinate was never reached, or what stands there cannot suffer it.
    pub(crate) why: &'static str,
}

/// What became of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fate {
    /// How many events came before its first delivery, if there was one.
    pub(crate) first_delivered: Option<usize>,
    /// How many events came before the end of its first delivery that returned done.
    pub(crate) handled: Option<usize>,
    /// Its handler acknowledged it by itself.
    pub(crate) acknowledged: bool,
    /// It was put aside as a dead letter and never handled.
    pub(crate) dead_lettered: bool,
    /// What each of its deliveries was supplied with.
    pub(crate) supplied: Vec<Supplied>,
}

/// What a delivery was supplied with, that its handler may have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Supplied {
    /// The virtual time at which it began.
    pub(crate) began: Duration,
    /// The seed of its randomness.
    pub(crate) seed: u64,
    /// How many copies of its message there were before its own, where copies differ; else 0.
    pub(crate) copy: u32,
    /// By how much the clock of its process was ahead of that.
    pub(crate) ahead: Duration,
    /// Whether it read a clock, or something that expires.
    pub(crate) read_clock: bool,
    /// Whether it drew randomness.
    pub(crate) drew: bool,
    /// Whether it asked for the time of its own process.
    pub(crate) asked_time: bool,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// The queue drained.
    Drained,
    /// These messages were not handled, and never will be.
    Stuck(Vec<usize>),
    /// It could not be judged, for this reason.
    Inconclusive(String),
}

/// By hand, since every event of every replay is hashed: as few and as wide writes as there can be. Equal events hash alike,
/// and each kind begins with a number of its own.
impl Hash for Event {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Event::Delivered { delivery, process, origin } => {
                begin(state, 0, *origin as u8, process);
                whose(state, *delivery);
            }
            Event::Step { at, process, facts, words } => {
                begin(state, 1, facts.bits(), process);
                place(state, *at);
                // Whether there is one stands in the bits.
                if let Some(deadline) = facts.deadline {
                    deadline.hash(state);
                }
                words.hash(state);
            }
            Event::Blocked { at, process, until, words } => {
                begin(state, 2, 0_u8, process);
                place(state, *at);
                until.hash(state);
                words.hash(state);
            }
            Event::Returned { delivery, process, answer } => {
                begin(state, 3, 0_u8, process);
                whose(state, *delivery);
                answer.hash(state);
            }
            Event::Settled { delivery, process, how } => {
                begin(state, 4, *how as u8, process);
                whose(state, *delivery);
            }
            Event::Crashed { process, lost } => {
                begin(state, 5, 0_u8, process);
                lost.hash(state);
            }
            Event::Cancelled { task, process } => {
                begin(state, 7, 0_u8, process);
                task.hash(state);
            }
            Event::RoundBegan { round, process } => {
                begin(state, 8, 0_u8, process);
                round.hash(state);
            }
            Event::RoundEnded { round, process, panicked } => {
                begin(state, 9, 0_u8, process);
                round.hash(state);
                panicked.hash(state);
            }
            Event::Clock { to } => {
                state.write_u64(6);
                to.hash(state);
            }
            Event::Skewed { process, skew } => {
                begin(state, 10, 0_u8, process);
                skew.hash(state);
            }
            Event::Forgot { store, loss, count } => {
                state.write_u64(11);
                (store, loss, count).hash(state);
            }
        }
    }
}

/// The kind of an event, a number that says more of it, and its process.
fn begin(state: &mut impl Hasher, kind: u64, more: impl Into<u64>, process: &Process) {
    state.write_u64(kind | more.into() << 8 | u64::from(process.incarnation()) << 32);
    state.write_usize(process.index());
}

fn whose(state: &mut impl Hasher, delivery: DeliveryName) {
    state.write_usize(delivery.message);
    state.write_u32(delivery.number);
}

fn place(state: &mut impl Hasher, at: Coordinate) {
    let operation = match at.place {
        Place::Operation(n) => n,
        Place::Ack => 0,
    };
    match at.task {
        TaskName::Delivery(delivery) => {
            state.write_usize(delivery.message);
            state.write_u64(u64::from(delivery.number) << 32 | u64::from(operation));
        }
        // No message is so far back.
        TaskName::Round(round) => {
            state.write_usize(usize::MAX);
            round.hash(state);
            state.write_u32(operation);
        }
    }
}

impl Facts {
    /// It did not do what it was asked for, or the handler was told so: by a fault or by others who came first.
    pub(crate) fn went_wrong(&self) -> bool {
        self.suffered.is_some() || self.gave_up || self.refused
    }

    /// All of them in a number: of a deadline only whether there is one, and not what follows from the rest, which is who may
    /// try again.
    fn bits(self) -> u16 {
        u16::from(self.can_fail)
            | u16::from(self.can_lose_reply) << 1
            | u16::from(self.changes) << 2
            | u16::from(self.locks) << 3
            | u16::from(self.reads_clock) << 4
            | u16::from(self.suffered == Some(Injected::Fail)) << 5
            | u16::from(self.suffered == Some(Injected::LoseReply)) << 6
            | u16::from(self.gave_up) << 7
            | u16::from(self.observed_change) << 8
            | u16::from(self.deadline.is_some()) << 9
            | u16::from(self.refused) << 10
            | u16::from(self.acks) << 11
            | u16::from(self.stepped) << 12
    }
}

/// The final answers that reached who waited for them, in the order in which they did.
pub(crate) fn heard(events: &[Event]) -> impl Iterator<Item = (DeliveryName, &Answer)> {
    events.iter().enumerate().filter_map(|(at, event)| {
        let Event::Settled { delivery: of, how: Settlement::Acked | Settlement::DeadLettered, .. } = event else {
            return None;
        };
        events[..at].iter().rev().find_map(|event| match event {
            Event::Returned { delivery, answer, .. } if delivery == of => Some((*of, answer)),
            _ => None,
        })
    })
}

impl Event {
    /// The delivery whose step this is, if it is one's.
    pub(crate) fn delivery(&self) -> Option<DeliveryName> {
        self.task().and_then(TaskName::delivery)
    }

    /// The delivery or the round whose step this is, if it is one's.
    pub(crate) fn task(&self) -> Option<TaskName> {
        match self {
            Event::Delivered { delivery, .. } | Event::Returned { delivery, .. } | Event::Settled { delivery, .. } => {
                Some(TaskName::Delivery(*delivery))
            }
            Event::RoundBegan { round, .. } | Event::RoundEnded { round, .. } => Some(TaskName::Round(*round)),
            Event::Step { at, .. } | Event::Blocked { at, .. } => Some(at.task),
            Event::Cancelled { task, .. } => Some(*task),
            Event::Crashed { .. } | Event::Clock { .. } | Event::Skewed { .. } | Event::Forgot { .. } => None,
        }
    }

    /// The point that was passed with this event, if one was.
    pub(crate) fn point(&self) -> Option<Coordinate> {
        match self {
            Event::Step { at, .. } => Some(*at),
            // A handler that asks for a retry is heard at once: nothing can act in between.
            Event::Settled { how: Settlement::Nacked | Settlement::AckedEarly | Settlement::Ignored, .. } => None,
            Event::Settled { delivery, .. } => Some(delivery.ack()),
            _ => None,
        }
    }
}
