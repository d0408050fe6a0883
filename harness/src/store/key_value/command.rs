//! What can be asked of a key-value store: each command, what it does to the entries, and its words for the trace.
//!
//! When a command acts, and what can go wrong with it, is in `operation`.

use std::{fmt::Display, time::Duration};

use super::{state::Entry, view::View};
use crate::{Error, history::Amount};

/// One thing to do with one key.
pub(super) trait Command {
    /// What it answers.
    type Reply;
    /// It looks at what stands under its key.
    const READS: bool;
    /// It may write, and so perhaps waits for a transaction that is open.
    const WRITES: bool;

    fn key(&self) -> &str;

    fn run(&self, view: &mut View<'_>) -> Result<Self::Reply, Error>;

    /// It, as the trace writes it: `get seen:m0`.
    fn what(&self) -> String;

    /// Its answer, as the trace writes it.
    fn answer(&self, reply: &Self::Reply) -> String;
}

pub(super) struct Get<'a>(pub(super) &'a str);

impl Command for Get<'_> {
    type Reply = Option<String>;
    const READS: bool = true;
    const WRITES: bool = false;

    fn key(&self) -> &str {
        self.0
    }

    fn run(&self, view: &mut View<'_>) -> Result<Option<String>, Error> {
        Ok(view.get(self.0).map(|entry| entry.value.clone()))
    }

    fn what(&self) -> String {
        format!("get {}", self.0)
    }

    fn answer(&self, reply: &Option<String>) -> String {
        reply.as_ref().map_or_else(|| "none".to_owned(), |value| format!("{value:?}"))
    }
}

pub(super) struct Put<'a>(pub(super) &'a str, pub(super) &'a str);

impl Command for Put<'_> {
    type Reply = ();
    const READS: bool = false;
    const WRITES: bool = true;

    fn key(&self) -> &str {
        self.0
    }

    fn run(&self, view: &mut View<'_>) -> Result<(), Error> {
        view.set(self.0, Entry { value: self.1.to_owned(), expires: None });
        Ok(())
    }

    fn what(&self) -> String {
        format!("put {} {}", self.0, self.1)
    }

    fn answer(&self, (): &()) -> String {
        "ok".to_owned()
    }
}

pub(super) struct PutIfAbsent<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
    pub(super) ttl: Option<Duration>,
}

impl Command for PutIfAbsent<'_> {
    type Reply = bool;
    const READS: bool = true;
    const WRITES: bool = true;

    fn key(&self) -> &str {
        self.key
    }

    fn run(&self, view: &mut View<'_>) -> Result<bool, Error> {
        if view.get(self.key).is_some() {
            return Ok(false);
        }
        let expires = self.ttl.map(|ttl| view.now().saturating_add(ttl));
        view.set(self.key, Entry { value: self.value.to_owned(), expires });
        Ok(true)
    }

    fn what(&self) -> String {
        let ttl = self.ttl.map(|ttl| format!(" ttl {}", Amount(ttl))).unwrap_or_default();
        format!("put_if_absent {} {}{ttl}", self.key, self.value)
    }

    fn answer(&self, won: &bool) -> String {
        one_of(*won, "won", "taken")
    }
}

pub(super) struct CompareAndSet<'a> {
    pub(super) key: &'a str,
    pub(super) expected: &'a str,
    pub(super) value: &'a str,
}

impl Command for CompareAndSet<'_> {
    type Reply = bool;
    const READS: bool = true;
    const WRITES: bool = true;

    fn key(&self) -> &str {
        self.key
    }

    fn run(&self, view: &mut View<'_>) -> Result<bool, Error> {
        let equal = view.get(self.key).is_some_and(|entry| entry.value == self.expected);
        if equal {
            view.set(self.key, Entry { value: self.value.to_owned(), expires: None });
        }
        Ok(equal)
    }

    fn what(&self) -> String {
        format!("compare_and_set {} {} {}", self.key, self.expected, self.value)
    }

    fn answer(&self, equal: &bool) -> String {
        one_of(*equal, "set", "differs")
    }
}

pub(super) struct CompareAndDelete<'a> {
    pub(super) key: &'a str,
    pub(super) expected: &'a str,
}

impl Command for CompareAndDelete<'_> {
    type Reply = bool;
    const READS: bool = true;
    const WRITES: bool = true;

    fn key(&self) -> &str {
        self.key
    }

    fn run(&self, view: &mut View<'_>) -> Result<bool, Error> {
        let equal = view.get(self.key).is_some_and(|entry| entry.value == self.expected);
        Ok(equal && view.delete(self.key))
    }

    fn what(&self) -> String {
        format!("compare_and_delete {} {}", self.key, self.expected)
    }

    fn answer(&self, equal: &bool) -> String {
        one_of(*equal, "deleted", "differs")
    }
}

pub(super) struct Add<'a>(pub(super) &'a str, pub(super) i64);

impl Command for Add<'_> {
    type Reply = i64;
    const READS: bool = true;
    const WRITES: bool = true;

    fn key(&self) -> &str {
        self.0
    }

    fn run(&self, view: &mut View<'_>) -> Result<i64, Error> {
        let (before, expires) = match view.get(self.0) {
            Some(entry) => (entry.value.parse::<i64>().map_err(|_| self.refused())?, entry.expires),
            None => (0, None),
        };
        let sum = before.checked_add(self.1).ok_or_else(|| self.refused())?;
        view.set(self.0, Entry { value: sum.to_string(), expires });
        Ok(sum)
    }

    fn what(&self) -> String {
        format!("add {} {}", self.0, self.1)
    }

    fn answer(&self, sum: &i64) -> String {
        sum.to_string()
    }
}

impl Add<'_> {
    fn refused(&self) -> Error {
        Error::other(format_args!("{} is not an integer, or the sum is out of range", self.0))
    }
}

pub(super) struct Expire<'a>(pub(super) &'a str, pub(super) Duration);

impl Command for Expire<'_> {
    type Reply = bool;
    const READS: bool = true;
    const WRITES: bool = true;

    fn key(&self) -> &str {
        self.0
    }

    fn run(&self, view: &mut View<'_>) -> Result<bool, Error> {
        let expires = Some(view.now().saturating_add(self.1));
        let Some(value) = view.get(self.0).map(|entry| entry.value.clone()) else { return Ok(false) };
        view.set(self.0, Entry { value, expires });
        Ok(true)
    }

    fn what(&self) -> String {
        format!("expire {} {}", self.0, Amount(self.1))
    }

    fn answer(&self, was_there: &bool) -> String {
        one_of(*was_there, "set", "none")
    }
}

pub(super) struct Delete<'a>(pub(super) &'a str);

impl Command for Delete<'_> {
    type Reply = bool;
    const READS: bool = true;
    const WRITES: bool = true;

    fn key(&self) -> &str {
        self.0
    }

    fn run(&self, view: &mut View<'_>) -> Result<bool, Error> {
        Ok(view.delete(self.0))
    }

    fn what(&self) -> String {
        format!("delete {}", self.0)
    }

    fn answer(&self, was_there: &bool) -> String {
        one_of(*was_there, "deleted", "none")
    }
}

fn one_of(which: bool, yes: impl Display, no: impl Display) -> String {
    if which { yes.to_string() } else { no.to_string() }
}
