//! Names of places in a history: `m0#1` (a delivery) and `m0#1.2` or `m0#1.ack` (a point).
//!
//! Only the names: what stands at a point is known to a replay, not here.

use std::fmt;

/// One attempt to hand a message to a handler, written `m0#1`: the first delivery of the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryName {
    /// The message's place among those published, from 0.
    pub message: usize,
    /// Which delivery of that message this is, from 1, in the order in which they began.
    pub number: u32,
}

/// The place just before an operation acts, written `m0#1.3`, or before the acknowledgement, `m0#1.ack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coordinate {
    /// The delivery that performs the operation.
    pub delivery: DeliveryName,
    /// Which of its operations.
    pub place: Place,
}

/// Where in a delivery a point stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Before the operation of this number, from 1, in the order in which the handler asked for them.
    Operation(u32),
    /// Before the broker hears how the handler answered.
    Ack,
}

impl DeliveryName {
    /// The delivery `m{message}#{number}`.
    pub fn new(message: usize, number: u32) -> Self {
        Self { message, number }
    }

    /// The point before this delivery's `n`-th operation.
    pub fn operation(self, n: u32) -> Coordinate {
        Coordinate { delivery: self, place: Place::Operation(n) }
    }

    /// The point before this delivery's acknowledgement.
    pub fn ack(self) -> Coordinate {
        Coordinate { delivery: self, place: Place::Ack }
    }
}

impl fmt::Display for DeliveryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}#{}", self.message, self.number)
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Operation(n) => write!(f, "{}.{n}", self.delivery),
            Place::Ack => write!(f, "{}.ack", self.delivery),
        }
    }
}
