//! Names of places in a history: `m0#1` (a delivery), `relay@p0#2` (a round of background work), and `m0#1.2` or `m0#1.ack`
//! (a point in one).
//!
//! Only the names: what stands at a point is known to a replay, not here.

use std::fmt;

use super::Label;

/// One attempt to hand a message to a handler, written `m0#1`: the first delivery of the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryName {
    /// The message's place among those published, from 0.
    pub message: usize,
    /// Which delivery of that message this is, from 1, in the order in which they began.
    pub number: u32,
}

/// One round of background work, written `relay@p0#2`: the second round of `relay` in the first process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoundName {
    /// What the work is called.
    pub work: Label,
    /// The process that it belongs to, by its place.
    pub process: usize,
    /// Which of its rounds this is, from 1; a process that starts again goes on counting.
    pub number: u32,
}

/// What performs operations: a delivery, with all that its handler spawned, or a round of background work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskName {
    /// One attempt to hand a message to a handler.
    Delivery(DeliveryName),
    /// One round of background work.
    Round(RoundName),
}

/// The place just before an operation acts, written `m0#1.3`, or before the acknowledgement, `m0#1.ack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coordinate {
    /// What performs the operation.
    pub task: TaskName,
    /// Which of its operations.
    pub place: Place,
}

/// Where in a delivery, or in a round, a point stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Before the operation of this number, from 1, in the order in which the handler asked for them.
    Operation(u32),
    /// Before the broker hears how the handler answered. Rounds have none.
    Ack,
}

impl TaskName {
    /// The point before its `n`-th operation.
    pub fn operation(self, n: u32) -> Coordinate {
        Coordinate { task: self, place: Place::Operation(n) }
    }

    /// The delivery, if it is one.
    pub fn delivery(self) -> Option<DeliveryName> {
        match self {
            TaskName::Delivery(delivery) => Some(delivery),
            TaskName::Round(_) => None,
        }
    }

    /// The message that is delivered, if it is a delivery.
    pub fn message(self) -> Option<usize> {
        self.delivery().map(|delivery| delivery.message)
    }
}

impl Coordinate {
    /// The delivery that it stands in, if it stands in one.
    pub fn delivery(self) -> Option<DeliveryName> {
        self.task.delivery()
    }

    /// The message whose delivery it stands in, if it stands in one.
    pub fn message(self) -> Option<usize> {
        self.task.message()
    }
}

impl RoundName {
    /// The round `{work}@p{process}#{number}`.
    pub fn new(work: Label, process: usize, number: u32) -> Self {
        Self { work, process, number }
    }

    /// The point before this round's `n`-th operation.
    pub fn operation(self, n: u32) -> Coordinate {
        TaskName::Round(self).operation(n)
    }
}

impl From<DeliveryName> for TaskName {
    fn from(delivery: DeliveryName) -> Self {
        TaskName::Delivery(delivery)
    }
}

impl From<RoundName> for TaskName {
    fn from(round: RoundName) -> Self {
        TaskName::Round(round)
    }
}

impl DeliveryName {
    /// The delivery `m{message}#{number}`.
    pub fn new(message: usize, number: u32) -> Self {
        Self { message, number }
    }

    /// The point before this delivery's `n`-th operation.
    pub fn operation(self, n: u32) -> Coordinate {
        TaskName::Delivery(self).operation(n)
    }

    /// The point before this delivery's acknowledgement.
    pub fn ack(self) -> Coordinate {
        Coordinate { task: self.into(), place: Place::Ack }
    }
}

impl fmt::Display for DeliveryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}#{}", self.message, self.number)
    }
}

impl fmt::Display for RoundName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@p{}#{}", self.work, self.process, self.number)
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskName::Delivery(delivery) => delivery.fmt(f),
            TaskName::Round(round) => round.fmt(f),
        }
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Operation(n) => write!(f, "{}.{n}", self.task),
            Place::Ack => write!(f, "{}.ack", self.task),
        }
    }
}
