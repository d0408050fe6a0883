//! A lease with a fencing token: whoever lost it writes nothing any more.
//!
//! Its twin tells the holder whether the lease is still its own, and takes its word for that when it writes.
//!
//! Source: Kleppmann, "How to do distributed locking" (2016).

use super::sync::{Mutex, MutexGuard, PoisonError};

/// What is written under the lease, and who wrote it last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// With which token it was written; 0 before anybody did.
    pub token: u64,
    /// What.
    pub value: u64,
}

#[derive(Debug, Default)]
struct State {
    /// The token that was given out last; they only grow.
    token: u64,
    until: u64,
    written: Written,
}

/// A lease, and what is written under it. Times are of any clock that all holders share.
#[derive(Debug, Default)]
pub struct Lease {
    state: Mutex<State>,
}

impl Lease {
    /// Free, and nothing written.
    pub fn new() -> Self {
        Self { state: Mutex::new(State::default()) }
    }

    /// Takes the lease from now until then, if it is free or has run out. The token to write with.
    pub fn acquire(&self, now: u64, until: u64) -> Option<u64> {
        let mut state = self.lock();
        if now < state.until {
            return None;
        }
        state.token += 1;
        state.until = until;
        Some(state.token)
    }

    /// Writes, unless somebody has taken the lease since. Whether it did.
    pub fn write(&self, token: u64, value: u64) -> bool {
        let mut state = self.lock();
        let is_own = token == state.token;
        if is_own {
            state.written = Written { token, value };
        }
        is_own
    }

    /// What was written last.
    pub fn written(&self) -> Written {
        self.lock().written
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The twin: the holder asks whether the lease is its own, and then writes.
#[derive(Debug, Default)]
pub struct TakesItsWord(Lease);

impl TakesItsWord {
    /// Free, and nothing written.
    pub fn new() -> Self {
        Self(Lease::new())
    }

    /// Takes the lease from now until then, if it is free or has run out.
    pub fn acquire(&self, now: u64, until: u64) -> Option<u64> {
        self.0.acquire(now, until)
    }

    /// Writes, if the lease was its own when it asked. Whether it did.
    pub fn write(&self, token: u64, value: u64) -> bool {
        let is_own = self.0.lock().token == token;
        if is_own {
            self.0.lock().written = Written { token, value };
        }
        is_own
    }

    /// What was written last.
    pub fn written(&self) -> Written {
        self.0.written()
    }
}
