//! The virtual clock of a replay.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

/// The virtual clock, and whether anybody looked at it since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    millis: AtomicU64,
    read: AtomicBool,
    /// How often a handler asked it.
    asked: AtomicU32,
}

impl Clock {
    pub(crate) fn now(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    /// The time, for a handler: that it was read is remembered.
    pub(crate) fn read(&self) -> Duration {
        self.note_read();
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.now()
    }

    /// Somebody looked at it who was not told the time.
    pub(crate) fn note_read(&self) {
        self.read.store(true, Ordering::Relaxed);
    }

    /// How often handlers asked it.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, now: Duration) {
        self.millis.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether a handler read it since this was last asked.
    pub(crate) fn take_read(&self) -> bool {
        self.read.load(Ordering::Relaxed) && self.read.swap(false, Ordering::Relaxed)
    }
}
