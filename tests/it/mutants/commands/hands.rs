//! What a program works on, and for: the handles of a process, its memory, what a message carries. What it does with them is in
//! `run`.

use std::{cell::RefCell, collections::BTreeSet};

use redeliver::{Effects, KeyValue};
use redeliver_strategies::{claims::table::Table, precondition_on_value::Change};

/// What a program works on.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    pub first: &'a KeyValue,
    pub second: Option<&'a KeyValue>,
    pub mail: Option<&'a Effects>,
    pub memory: Option<&'a Memory>,
}

impl<'a> Hands<'a> {
    /// One store, and nothing else.
    pub fn of(first: &'a KeyValue) -> Self {
        Self { first, second: None, mail: None, memory: None }
    }
}

/// What a process remembers.
#[derive(Default)]
pub struct Memory {
    pub known: RefCell<BTreeSet<String>>,
    pub claims: Table<String>,
}

/// What a message carries.
pub trait Carried {
    fn amount(&self) -> i64;

    /// The value that its sender saw.
    fn seen(&self) -> i64;
}

impl Carried for i64 {
    fn amount(&self) -> i64 {
        *self
    }

    fn seen(&self) -> i64 {
        0
    }
}

impl Carried for Change {
    fn amount(&self) -> i64 {
        self.by
    }

    fn seen(&self) -> i64 {
        self.from
    }
}
