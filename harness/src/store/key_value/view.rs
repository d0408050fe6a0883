//! The entries as one operation sees them, and what it does to them.
//!
//! Whether it may write at all, or has to wait for others, is asked before, in `operation`.

use std::time::Duration;

use super::{
    Isolation,
    state::{Entry, State},
};

/// The entries as one operation sees them, and what it did to them.
pub(super) struct View<'a> {
    state: &'a mut State,
    now: Duration,
    /// The place of the open transaction that it belongs to, if it belongs to one.
    within: Option<usize>,
    /// Something that it read or wrote expires.
    pub(super) read_clock: bool,
    /// When what it wrote expires.
    pub(super) deadline: Option<Duration>,
    /// Something is not as it was.
    pub(super) changed: bool,
    /// Others may have to wait for it, or will not be able to commit.
    pub(super) locks: bool,
}

impl<'a> View<'a> {
    /// Within the open transaction at this place: with its own writes, which nobody else sees before it commits. Outside
    /// any, it reads what is committed and writes to it at once.
    pub(super) fn new(state: &'a mut State, now: Duration, within: Option<usize>) -> Self {
        Self { state, now, within, read_clock: false, deadline: None, changed: false, locks: false }
    }

    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// What stands under this key, if it is there and has not expired.
    pub(super) fn get(&mut self, key: &str) -> Option<&Entry> {
        let entry = self.state.seen(self.within, key)?;
        self.read_clock |= entry.expires.is_some();
        entry.is_there(self.now).then_some(entry)
    }

    /// Writes an entry.
    pub(super) fn set(&mut self, key: &str, entry: Entry) {
        self.replace(key, Some(entry));
    }

    /// Deletes an entry. Whether it was there.
    pub(super) fn delete(&mut self, key: &str) -> bool {
        self.replace(key, None)
    }

    /// Puts this in the place of what stands there. Whether that changed anything.
    fn replace(&mut self, key: &str, entry: Option<Entry>) -> bool {
        match self.within {
            Some(transaction) => self.replace_within(transaction, key, entry),
            None => self.replace_committed(key, entry),
        }
    }

    fn replace_committed(&mut self, key: &str, entry: Option<Entry>) -> bool {
        #[cfg(debug_assertions)]
        self.state.writes(key);
        let State { committed, open, isolation, written, .. } = &mut *self.state;
        let before = committed.get_mut(key);
        let stands = before.as_deref().and_then(Option::as_ref);
        self.read_clock |= stands.into_iter().chain(&entry).any(|entry| entry.expires.is_some());
        let same = stands.filter(|entry| entry.is_there(self.now)) == entry.as_ref();
        // To write anew what stands there is a write too. To delete what is not there is none.
        if *isolation == Isolation::Snapshot && !(same && entry.is_none()) {
            self.locks |= !open.is_empty();
            open.iter_mut().for_each(|open| open.keep(key, stands));
        }
        if same {
            return false;
        }
        self.changed = true;
        self.deadline = entry.as_ref().and_then(|entry| entry.expires);
        if written.is_kept() {
            written.note(vec![(key.to_owned(), stands.cloned())]);
        }
        match before {
            Some(before) => *before = entry,
            None => drop(committed.insert(key.to_owned(), entry)),
        }
        true
    }

    fn replace_within(&mut self, transaction: usize, key: &str, entry: Option<Entry>) -> bool {
        let stands = self.state.seen(self.within, key);
        self.read_clock |= stands.into_iter().chain(&entry).any(|entry| entry.expires.is_some());
        let same = stands.filter(|entry| entry.is_there(self.now)) == entry.as_ref();
        let isolation = self.state.isolation;
        // Where others write meanwhile, to write anew what stands there is a write too.
        if same && (entry.is_none() || isolation == Isolation::Serializable) {
            return false;
        }
        self.changed |= !same;
        self.deadline = entry.as_ref().and_then(|entry| entry.expires);
        let pending = &mut self.state.open[transaction].pending;
        match pending.iter_mut().find(|(written, _)| written == key) {
            Some((_, before)) => *before = entry,
            None => {
                pending.push((key.to_owned(), entry));
                self.locks |= isolation == Isolation::ReadCommitted;
            }
        }
        !same
    }
}
