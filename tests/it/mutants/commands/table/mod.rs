//! The strategies as programs over the key-value store, and mutants of them by hand.
//!
//! Those that put their messages' marks beside the effect, in one transaction, and something around it, are in `marks`;
//! those that count, number and apply in the background in `journals`; those that claim and wait in `claims`.

mod claims;
mod journals;
mod marks;

use redeliver::{Contract, DeliveryModel, History, Isolation, Observation};

use super::{
    Key::{self, Fixed, Id},
    Op::{self, Add, Get, IfFound, Put, Skip},
    Value::{Amount, Nothing},
};

/// A strategy and what is done to it.
pub struct Programmed {
    pub strategy: &'static str,
    /// Some that it claims.
    pub models: &'static [fn() -> DeliveryModel],
    /// With up to so many faults the histories are searched.
    pub faults: usize,
    /// Histories with more of them.
    pub also: Option<fn() -> Vec<History>>,
    pub world: World,
    /// What its module promises beside the registry's contract.
    pub states: fn(Contract) -> Contract,
    /// What a mutant is held to: that, and what the strategy does not promise only because it is plain of its code, such as
    /// that messages are told apart.
    pub promises: fn(Contract) -> Contract,
    /// What must hold at every step.
    pub always: Option<Always>,
    /// What is seen, by its parts. One that a handler never changes agrees with itself, unless it is all that is seen.
    pub parts: &'static [fn(&Observation) -> Vec<&str>],
    pub handler: &'static [Op],
    /// Its background work, with its label.
    pub background: Option<(&'static str, &'static [Op])>,
    pub by_hand: &'static [ByHand],
}

/// What must hold, and whether it does.
pub type Always = (&'static str, fn(&Observation) -> bool);

/// A mutant of a handler: what it does instead, and that.
pub type ByHand = (&'static str, &'static [Op]);

/// What a process of a strategy works on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum World {
    One(Isolation),
    WithOutside,
    Two,
    Shards,
    WithMemory,
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Programmed> {
    [journals::ALL, marks::ALL, claims::ALL].into_iter().flatten()
}

const BALANCE: Key = Fixed("balance");
const SEEN: Key = Id("seen:");

const CHECK: Op = Get(SEEN);
const UNLESS_SEEN: Op = IfFound(&Skip);
const CREDIT: Op = Add(BALANCE, Amount);
const MARK: Op = Put(SEEN, Nothing);
