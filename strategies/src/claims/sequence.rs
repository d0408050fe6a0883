//! The last number of each producer: the next one is accepted once, and nothing else is.
//!
//! Its twin looks first and writes then, and two threads may have looked at the same.
//!
//! So do Kafka's brokers with the sequence numbers of idempotent producers (KIP-98).

use super::sync::atomic::{AtomicU64, Ordering};

/// What becomes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is the next one.
    Next,
    /// It came before.
    Duplicate,
    /// One before it is missing: to come again later.
    Gap,
}

/// The last number of each producer; they count from 1.
#[derive(Debug)]
pub struct Sequences {
    last: Vec<AtomicU64>,
}

impl Sequences {
    /// Nothing came from so many producers yet.
    pub fn new(producers: usize) -> Self {
        Self { last: (0..producers).map(|_| AtomicU64::new(0)).collect() }
    }

    /// A number of this producer came.
    ///
    /// # Panics
    /// If there is no such producer.
    pub fn accept(&self, producer: usize, number: u64) -> Accepted {
        let Some(before) = number.checked_sub(1) else { return Accepted::Duplicate };
        match self.last[producer].compare_exchange(before, number, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Accepted::Next,
            Err(last) if last >= number => Accepted::Duplicate,
            Err(_) => Accepted::Gap,
        }
    }
}

/// The twin: it looks at the last number, and then writes the next.
#[derive(Debug)]
pub struct LooksThenWrites(Sequences);

impl LooksThenWrites {
    /// Nothing came from so many producers yet.
    pub fn new(producers: usize) -> Self {
        Self(Sequences::new(producers))
    }

    /// A number of this producer came.
    ///
    /// # Panics
    /// If there is no such producer.
    pub fn accept(&self, producer: usize, number: u64) -> Accepted {
        match self.0.last[producer].load(Ordering::Acquire) {
            last if last >= number => Accepted::Duplicate,
            last if last + 1 < number => Accepted::Gap,
            _ => {
                self.0.last[producer].store(number, Ordering::Release);
                Accepted::Next
            }
        }
    }
}
