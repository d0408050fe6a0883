//! What a key-value store can lose that it held: its last writes where it fails over, its oldest keys where it evicts.
//!
//! Where a history lets it is the machine's; that a store can at all is said in `KeyValue`.

use std::collections::BTreeSet;

use super::state::{Entry, State};
use crate::history::Loss;

/// A key, and what stood under it before it was written.
type Before = (String, Option<Entry>);

/// What was written, as far as it may be lost.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// It fails over to a replica that lags behind.
    pub(super) fails_over: bool,
    /// It evicts keys.
    pub(super) evicts: bool,
    /// Each write, the last one last. What a transaction wrote is one.
    log: Vec<Vec<Before>>,
}

impl Written {
    /// Whether what is written has to be noted.
    pub(super) fn is_kept(&self) -> bool {
        self.fails_over || self.evicts
    }

    /// This was written at once; nothing is no write.
    pub(super) fn note(&mut self, write: Vec<Before>) {
        if self.is_kept() && !write.is_empty() {
            self.log.push(write);
        }
    }

    pub(super) fn clear(&mut self) {
        self.log.clear();
    }

    /// What can still be lost.
    pub(super) fn log(&self) -> &[Vec<Before>] {
        &self.log
    }
}

impl State {
    pub(super) fn losses(&self) -> Vec<Loss> {
        let can = [(self.written.fails_over, Loss::Last), (self.written.evicts, Loss::Oldest)];
        can.into_iter().filter_map(|(can, loss)| can.then_some(loss)).collect()
    }

    /// Loses so much, if it can and held so much.
    pub(super) fn forget(&mut self, loss: Loss, count: u32) -> bool {
        match loss {
            Loss::Last => self.written.fails_over && self.fail_over(count as usize),
            Loss::Oldest => self.written.evicts && self.evict(count as usize),
        }
    }

    fn fail_over(&mut self, count: usize) -> bool {
        let Some(from) = self.written.log.len().checked_sub(count) else { return false };
        let lost = self.written.log.split_off(from);
        for (key, before) in lost.into_iter().rev().flat_map(|write| write.into_iter().rev()) {
            self.committed.insert(key, before);
        }
        // They were on connections to the one that is gone.
        self.open.clear();
        true
    }

    fn evict(&mut self, count: usize) -> bool {
        let Some(oldest) = self.oldest(count) else { return false };
        for key in oldest {
            let before = self.committed.get(&key).cloned().flatten();
            self.open.iter_mut().for_each(|open| open.keep(&key, before.as_ref()));
            self.committed.insert(key, None);
        }
        true
    }

    /// So many of the keys that are there, those that were written longest ago.
    fn oldest(&self, count: usize) -> Option<Vec<String>> {
        let mut seen = BTreeSet::new();
        let latest_first = self.written.log.iter().rev().flat_map(|write| write.iter().rev());
        let mut there: Vec<&String> = latest_first.map(|(key, _)| key).filter(|key| seen.insert(*key)).collect();
        there.retain(|key| {
            let entry = self.committed.get(*key).and_then(Option::as_ref);
            entry.is_some_and(|entry| entry.is_there(self.now))
        });
        let from = there.len().checked_sub(count)?;
        Some(there[from..].iter().map(|key| (*key).clone()).collect())
    }
}
