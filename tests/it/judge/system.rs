//! A whole system as one value that can be cloned: the stores, the broker, the deliveries in progress, the clock.
//!
//! What a handler does to it is `simulate`, what else happens in the world `broker`; the stores are `bank`'s. Which thing
//! comes next is `schedule`; which are tried is `enumerate`.

use std::{collections::BTreeSet, fmt};

use super::{
    bank::Bank,
    cursor::{Answer, Cursor},
    program::{Instruction, Program},
};

/// There are so many processes.
pub const PROCESSES: usize = 2;
/// How long who sleeps waits, or who gives an operation time, in milliseconds.
pub const SECOND: u64 = 1_000;

/// Who delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A broker, which gives a message again to the process that had it last.
    AtLeastOnce,
    /// Clients that send a request again to the next process, and compare the answers that they heard.
    RequestReply,
}

/// Which delivery in progress, in the order in which they began.
pub type TaskId = usize;

/// Everything.
#[derive(Clone, Debug)]
pub struct System<'a> {
    pub model: Model,
    pub program: &'a Program,
    pub amounts: &'a [i64],
    pub bank: Bank,
    pub copies: Vec<Copy>,
    pub tasks: Vec<Task>,
    pub messages: Vec<Fate>,
    /// How many deliveries, and tasks that they spawned, have begun.
    pub begun: u64,
    /// The task that took the last step.
    pub last: Option<TaskId>,
    /// Virtual time, in milliseconds, and when the last fault was.
    pub now: u64,
    pub last_fault: u64,
    /// Counts steps, for who waited longest.
    pub step: u64,
    /// Which delivery is put off past which message.
    pub deferred: Vec<(Delivery, usize)>,
    /// What was so until a handler asked for that message again.
    pub lifted: Vec<(Delivery, usize)>,
    /// A fault so far changed nothing.
    pub idle: bool,
    /// A handler has waited for a timer, or looked at the clock.
    pub looked: bool,
    /// A handler has waited for a timer, or spawned something.
    pub timed: bool,
    pub jump: Jump,
    /// When what was written ends by itself.
    pub deadlines: BTreeSet<u64>,
    /// The final answers that arrived, to which messages.
    pub heard: Vec<(usize, Answer)>,
}

/// One copy of a message that the broker holds.
#[derive(Clone, Debug)]
pub struct Copy {
    pub message: usize,
    pub due: Option<u64>,
    pub settled: bool,
    /// It has been handed out so often, and so many of those deliveries have not ended.
    pub attempts: u32,
    pub in_flight: u32,
}

/// What has become of a message.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// At which steps it was first delivered and handled.
    pub delivered: Option<u64>,
    pub handled: Option<u64>,
    /// It was rejected before that, and the broker heard of it.
    pub rejected: bool,
    /// How many deliveries there were, and the process that had the last.
    pub deliveries: u32,
    pub home: usize,
}

/// One delivery in progress.
#[derive(Clone, Debug)]
pub struct Task {
    pub delivery: Delivery,
    pub process: usize,
    pub copy: usize,
    pub cursor: Cursor,
    pub place: Place,
    /// It stands before the operation of a task that it spawned, on a connection of that one's own.
    pub spawned: bool,
    /// Its handler is gone: it is what that had spawned, and does one thing more.
    pub orphan: bool,
    /// Of those who could run from one moment on, who goes first.
    pub rank: u64,
    pub handler_rank: u64,
    /// How many operations it has asked for, the one that it stands before included.
    pub operations: u32,
    /// Faults at one point act in this order: those up to here are over.
    pub faults_past: u8,
    pub hold: Option<Hold>,
    /// It waits for a lock.
    pub parked: bool,
    /// When that wait ends, and whether it has.
    pub patience: Option<Patience>,
    pub gives_up: bool,
    /// When it gives up an operation that has not acted.
    pub expires: Option<u64>,
    /// The step since which it could run.
    pub since: u64,
    /// What the clock showed while its handler ran.
    pub times: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The handler has not been called, or what it spawned has come to its end: it goes on in its turn.
    Fresh,
    /// It waits until then, at no point.
    Asleep(u64),
    Operation(Instruction),
    /// It has answered done or reject, of which nobody has heard.
    Ack(Answer),
    Over,
}

/// How long someone waits for a lock: of those whose waits end at one time the one that began first gives up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Patience {
    pub ends: u64,
    pub since: u64,
}

/// Whether the clock jumped just now: before an operation of this task, with which nobody looks at it, or that is past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    Not,
    Before(TaskId),
    Past(TaskId),
}

/// Why a delivery stands though it could go on, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hold {
    pub since: u64,
    /// The delivery for which it stands; without one, until nothing else can run.
    pub meets: Option<TaskId>,
}

/// `m0#1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    pub message: usize,
    pub number: u32,
}

/// What an operation is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    Fail,
    LoseReply,
}

impl<'a> System<'a> {
    /// Before anything was delivered: a message for each of these amounts.
    pub fn new(model: Model, program: &'a Program, amounts: &'a [i64]) -> Self {
        let mut system = Self {
            model,
            program,
            amounts,
            bank: Bank::default(),
            copies: Vec::new(),
            tasks: Vec::new(),
            messages: vec![Fate::default(); amounts.len()],
            begun: 0,
            last: None,
            now: 0,
            last_fault: 0,
            step: 0,
            deferred: Vec::new(),
            lifted: Vec::new(),
            idle: false,
            looked: false,
            timed: false,
            jump: Jump::Not,
            deadlines: BTreeSet::new(),
            heard: Vec::new(),
        };
        for message in 0..amounts.len() {
            system.hold_copy(message);
        }
        system
    }
}

impl Task {
    /// When the clock wakes it.
    pub fn wakes(&self) -> Option<u64> {
        match self.place {
            Place::Asleep(until) => Some(until),
            Place::Operation(_) => self.expires,
            _ => None,
        }
    }

    /// Its operation was given up.
    pub fn has_expired(&self, now: u64) -> bool {
        matches!(self.place, Place::Operation(_)) && self.expires.is_some_and(|expires| expires <= now)
    }

    /// The point before which it stands, as histories write it.
    pub fn point(&self) -> String {
        match self.place {
            Place::Operation(_) => format!("{}.{}", self.delivery, self.operations),
            Place::Fresh | Place::Asleep(_) => unreachable!("it stands at no point"),
            Place::Ack(_) | Place::Over => format!("{}.ack", self.delivery),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}#{}", self.message, self.number)
    }
}
