//! Handlers as lists of commands to a key-value store, so that they can be mutated: what a strategy does there in Rust, said as
//! data.
//!
//! Here: the language. What a command does is in `run`, with what in `hands`, how a program is checked in `check`, the strategies in `table`.

mod check;
mod hands;
mod run;
pub mod table;

use std::time::Duration;

pub use self::check::{checked, tie};
use super::derive::Instruction;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Fixed(&'static str),
    /// With the message's id behind it.
    Id(&'static str),
    /// With [the number](Op::Count) behind it.
    Number(&'static str),
    /// With [the random number](Op::Draw) behind it.
    Fresh(&'static str),
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Nothing,
    Fixed(&'static str),
    One,
    /// The message's.
    Amount,
    /// The same, taken away.
    Minus,
    /// What [`Op::Take`] was told.
    Taken,
    /// What [`Op::Count`] or [`Op::TakeNumber`] was told; 0 until then.
    Number,
}

/// A store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Second,
    /// The one that the message's id says.
    ById,
    /// The one that the broker's id of this copy says.
    ByCopy,
    /// The first, or the second where the message comes again.
    ByAttempt,
}

/// One command, or what is made of the answer to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    // ---- commands to the store, within a transaction where one is open
    Begin,
    Commit,
    /// Something is *found* where there is a value.
    Get(Key),
    /// The same; the value is taken.
    Take(Key),
    /// The value is the number, and 0 where there is none.
    TakeNumber(Key),
    Put(Key, Value),
    /// Something is found where nothing was put.
    PutIfAbsent(Key, Value, Option<Duration>),
    Add(Key, Value),
    /// Adds 1; the sum is the number.
    Count(Key),
    CompareAndDelete(Key, Value),

    // ---- elsewhere
    /// Draws a random number.
    Draw,
    /// What follows is asked of this store.
    In(Place),
    /// Asks for the effect under a key.
    SendOnce(Key, Value),
    /// The effect, under no key.
    Send(Value),
    /// Acknowledges.
    Ack,
    /// Something is found where the process has learnt the id.
    Knows,
    Learn,
    /// Claims the id in the process until the delivery ends. Something is found where somebody else has it.
    Hold,
    /// Gives the claim up.
    GiveUp,
    /// The claim stays, whatever comes.
    Keep,

    // ---- what comes of it
    /// Something is found where the amount is none that can be added.
    Refuse,
    /// The number is the message's own: 1 of `m0`.
    Own,
    /// The number is one higher.
    Next,
    /// Goes on behind the next [`Then`](Op::Then), with nothing open; otherwise it is done.
    Skip,
    Then,
    /// Goes on behind the last [`From`](Op::From), with nothing open; otherwise at the beginning.
    Repeat,
    From,
    Done,
    /// To be delivered again.
    ComeAgain,
    IfFound(&'static Op),
    IfMissing(&'static Op),
    /// Skips where this is the value.
    SkipIfIs(Key, Value),
    /// Skips where this is not the value that the message's sender saw.
    SkipUnlessSeen(Key),
    /// To be delivered again where the value is above the number.
    ComeAgainIfAbove(Key),
}

impl Key {
    /// The same for every message.
    fn cut(self) -> Option<Self> {
        match self {
            Key::Fixed(_) => None,
            Key::Id(before) | Key::Number(before) | Key::Fresh(before) => Some(Key::Fixed(before)),
        }
    }
}

impl Op {
    /// With what is done to the key.
    fn key(self, change: fn(Key) -> Option<Key>) -> Option<Self> {
        Some(match self {
            Op::Get(key) => Op::Get(change(key)?),
            Op::Take(key) => Op::Take(change(key)?),
            Op::TakeNumber(key) => Op::TakeNumber(change(key)?),
            Op::Put(key, value) => Op::Put(change(key)?, value),
            Op::PutIfAbsent(key, value, ttl) => Op::PutIfAbsent(change(key)?, value, ttl),
            Op::Add(key, value) => Op::Add(change(key)?, value),
            Op::Count(key) => Op::Count(change(key)?),
            Op::CompareAndDelete(key, value) => Op::CompareAndDelete(change(key)?, value),
            Op::SendOnce(key, value) => Op::SendOnce(change(key)?, value),
            Op::SkipIfIs(key, value) => Op::SkipIfIs(change(key)?, value),
            Op::SkipUnlessSeen(key) => Op::SkipUnlessSeen(change(key)?),
            Op::ComeAgainIfAbove(key) => Op::ComeAgainIfAbove(change(key)?),
            Op::IfFound(op) => Op::IfFound(leaked(op.key(change)?)),
            Op::IfMissing(op) => Op::IfMissing(leaked(op.key(change)?)),
            _ => return None,
        })
    }
}

fn leaked(op: Op) -> &'static Op {
    Box::leak(Box::new(op))
}

impl Instruction for Op {
    const BEGIN: Self = Op::Begin;
    const COMMIT: Self = Op::Commit;

    fn begins(&self) -> bool {
        *self == Op::Begin
    }

    fn commits(&self) -> bool {
        *self == Op::Commit
    }

    fn cut(self) -> Option<Self> {
        self.key(Key::cut)
    }

    fn others(self) -> Vec<(&'static str, Self)> {
        const SOON: Duration = Duration::from_secs(1);
        match self {
            Op::IfFound(op) => vec![("* turned round", Op::IfMissing(op))],
            Op::IfMissing(op) => vec![("* turned round", Op::IfFound(op))],
            Op::PutIfAbsent(key, value, Some(_)) => vec![
                ("* for good", Op::PutIfAbsent(key, value, None)),
                ("* for a second", Op::PutIfAbsent(key, value, Some(SOON))),
            ],
            Op::PutIfAbsent(key, value, None) => vec![("* whatever is there", Op::Put(key, value))],
            Op::SendOnce(_, value) => vec![("* under no key", Op::Send(value))],
            _ => Vec::new(),
        }
    }
}
