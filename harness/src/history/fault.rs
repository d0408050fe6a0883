//! One departure from the plain run, and how it is written.
//!
//! What a fault does to a replay is the machine's; which faults a broker can produce is the delivery model's.

use std::{fmt, time::Duration};

use super::{Coordinate, DeliveryName, Label};

/// One departure from the plain run, at one coordinate.
///
/// Its [`Display`](fmt::Display) is the line of the text form: `crash m0#1.2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The broker holds a second copy (a producer's retry). It is delivered after the message is first handled, or,
    /// with `at`, together with the delivery named there.
    Duplicate {
        /// The message that there are two copies of.
        message: usize,
        /// Where the copy is delivered beside the first.
        at: Option<Coordinate>,
    },
    /// A message, or one delivery of it, comes after another message was handled. If the handler asks for that one again
    /// meanwhile, it may lack what is put off: that comes next then.
    Defer {
        /// What comes later.
        what: Deferred,
        /// The message that is handled before it.
        past: usize,
    },
    /// The message is delivered again while this delivery is still being handled: a visibility timeout, a rebalance.
    Overlap {
        /// Where the delivery that is overlapped stands meanwhile.
        at: Coordinate,
        /// The process that gets it; the next one where this is `None`.
        to: Option<usize>,
    },
    /// The handler stops here while others run.
    Pause {
        /// Where it stops.
        at: Coordinate,
        /// What it waits for; where this is `None`, until nothing else can run.
        until: Option<Coordinate>,
    },
    /// The process dies here and restarts: its memory and connections are gone.
    Crash {
        /// The point that is never passed.
        at: Coordinate,
    },
    /// The handler's future is dropped here and its drop guards run; the process lives: a client that hung up, a timeout, a
    /// shutdown.
    Cancel {
        /// The point that is never passed.
        at: Coordinate,
    },
    /// The handler said done and the broker never hears of it.
    LoseAck {
        /// The delivery whose acknowledgement is lost.
        delivery: DeliveryName,
    },
    /// This operation returns an error and has no effect.
    Fail {
        /// The operation.
        at: Coordinate,
    },
    /// This operation takes effect and returns an error: an unknown outcome.
    LoseReply {
        /// The operation.
        at: Coordinate,
    },
    /// The clock jumps, past a time to live, a lease, a window.
    Advance {
        /// The point before which it jumps.
        at: Coordinate,
        /// By how much. Whole milliseconds.
        by: Duration,
    },
    /// One process's clock runs ahead or behind, from its first delivery on: what [`Delivery::now`](crate::Delivery::now) says
    /// there. The clocks of stores and of timers stay as they are.
    Skew {
        /// The process.
        process: usize,
        /// How its clock runs.
        skew: Skew,
    },
    /// A store loses something that it held, before this point: a failover, an eviction.
    Forget {
        /// The store, by its name.
        store: Label,
        /// The point before which it does.
        at: Coordinate,
        /// What it loses.
        loss: Loss,
        /// How many of these. At least 1.
        count: u32,
    },
}

/// How a clock runs beside the true one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Skew {
    /// It is later there than it is; else it is earlier.
    pub ahead: bool,
    /// By so much. Whole milliseconds.
    pub by: Duration,
}

/// What a store can lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    /// Its last writes, and with them whatever transactions are open: a failover to a replica that lags behind.
    Last,
    /// The keys that were written longest ago: they are evicted.
    Oldest,
}

/// What a [`Fault::Defer`] puts off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deferred {
    /// The message's first delivery, and with it all others.
    Message(usize),
    /// One later delivery of it.
    Delivery(DeliveryName),
}

impl Fault {
    /// The point at which this fault acts, if it acts at one; a held copy and a deferral act in the broker, and a
    /// skewed clock is skewed from the beginning.
    pub fn coordinate(&self) -> Option<Coordinate> {
        match self {
            Fault::Duplicate { at, .. } => *at,
            Fault::Defer { .. } | Fault::Skew { .. } => None,
            Fault::LoseAck { delivery } => Some(delivery.ack()),
            Fault::Overlap { at, .. }
            | Fault::Pause { at, .. }
            | Fault::Crash { at }
            | Fault::Cancel { at }
            | Fault::Fail { at }
            | Fault::LoseReply { at }
            | Fault::Advance { at, .. }
            | Fault::Forget { at, .. } => Some(*at),
        }
    }

    /// Those words, of every kind of fault that there is.
    pub fn words() -> impl Iterator<Item = &'static str> {
        super::FAULTS.split([',', ' ']).filter(|word| !matches!(*word, "or" | ""))
    }

    /// The word that begins its line.
    pub fn word(&self) -> &'static str {
        match self {
            Fault::Duplicate { .. } => "duplicate",
            Fault::Defer { .. } => "defer",
            Fault::Overlap { .. } => "overlap",
            Fault::Pause { .. } => "pause",
            Fault::Crash { .. } => "crash",
            Fault::Cancel { .. } => "cancel",
            Fault::LoseAck { .. } => "lose-ack",
            Fault::Fail { .. } => "fail",
            Fault::LoseReply { .. } => "lose-reply",
            Fault::Advance { .. } => "advance",
            Fault::Skew { .. } => "skew",
            Fault::Forget { .. } => "forget",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Fault::Duplicate { message, at: None } => write!(f, " m{message}"),
            Fault::Duplicate { message, at: Some(at) } => write!(f, " m{message} at {at}"),
            Fault::Defer { what, past } => write!(f, " {what} past m{past}"),
            Fault::Overlap { at, to: None } => write!(f, " {at}"),
            Fault::Overlap { at, to: Some(to) } => write!(f, " {at} to p{to}"),
            Fault::Pause { at, until: None } => write!(f, " {at}"),
            Fault::Pause { at, until: Some(until) } => write!(f, " {at} until {until}"),
            Fault::Crash { at } | Fault::Cancel { at } | Fault::Fail { at } | Fault::LoseReply { at } => {
                write!(f, " {at}")
            }
            Fault::LoseAck { delivery } => write!(f, " {delivery}"),
            Fault::Advance { at, by } => write!(f, " {at} {}", Amount(*by)),
            Fault::Skew { process, skew } => write!(f, " p{process} {skew}"),
            Fault::Forget { store, at, loss, count } => write!(f, " {store} {at} {loss} {count}"),
        }
    }
}

impl fmt::Display for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deferred::Message(message) => write!(f, "m{message}"),
            Deferred::Delivery(delivery) => write!(f, "{delivery}"),
        }
    }
}

/// As histories write it: `+5s`, `-5s`.
impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.ahead { '+' } else { '-' }, Amount(self.by))
    }
}

/// As histories write it: `last`, `oldest`.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loss::Last => "last",
            Loss::Oldest => "oldest",
        })
    }
}

/// A duration as histories write it: whole seconds as `31s`, else whole milliseconds as `1500ms`.
pub(crate) struct Amount(pub(crate) Duration);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1000 == 0 => write!(f, "{}s", ms / 1000),
            ms => write!(f, "{ms}ms"),
        }
    }
}
