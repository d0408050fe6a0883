//! What a key-value store holds: committed entries, the one open transaction and what it has written so far.
//!
//! Nothing of the machine is known here; what an operation is, and what can go wrong with it, is in `operation`.
//!
//! Isolation is serializable by one writer at a time. A weaker one is another way to open a transaction: several at a time,
//! each with `pending` writes of its own, and a [`View`] that reads from a snapshot or from what is committed by then.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use rustc_hash::FxHasher;

use crate::{
    Observation,
    store::{Process, key_value::observe::Watched},
};

/// A store with more keys than this forgets them when it is reset.
const MOST_KEYS_KEPT: usize = 1_000;

/// Everything that outlives a crash, and the open transaction, which does not.
#[derive(Debug)]
pub(super) struct State {
    name: Arc<str>,
    /// `key` and `value`, as what is observed is headed.
    columns: Arc<[String]>,
    pub(super) watched: Vec<Watched>,
    /// A key stays when its entry goes: most replays write the same ones.
    committed: BTreeMap<String, Option<Entry>>,
    open: Option<Open>,
    /// What the open transaction wrote, in the order of the first write to each key. `None` is a deletion.
    pending: Vec<(String, Option<Entry>)>,
    /// Transactions begun since the store was made. Never set back, so that a forgotten one is nobody else's.
    begun: u64,
    /// The latest virtual time that an operation acted at.
    now: Duration,
}

#[derive(Debug)]
struct Open {
    id: TransactionId,
    process: Process,
}

/// Which transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TransactionId(u64);

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: String,
    /// When it is gone, if ever: from this time on it is not there.
    pub(super) expires: Option<Duration>,
}

impl Entry {
    fn is_there(&self, now: Duration) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl State {
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            columns: ["key", "value"].map(str::to_owned).into(),
            watched: Vec::new(),
            committed: BTreeMap::new(),
            open: None,
            pending: Vec::new(),
            begun: 0,
            now: Duration::ZERO,
        }
    }

    /// Puts everything back to how it was before the first message.
    pub(super) fn reset(&mut self) {
        if self.committed.len() > MOST_KEYS_KEPT {
            self.committed.clear();
        }
        self.committed.values_mut().for_each(|entry| *entry = None);
        self.pending.clear();
        self.open = None;
        self.now = Duration::ZERO;
    }

    /// An operation acts at this virtual time.
    pub(super) fn saw(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Whether a transaction is open, so that nobody else may write.
    pub(super) fn is_locked(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn is_open(&self, transaction: TransactionId) -> bool {
        self.open.as_ref().is_some_and(|open| open.id == transaction)
    }

    pub(super) fn begin(&mut self, process: Process) -> TransactionId {
        self.begun += 1;
        let id = TransactionId(self.begun);
        self.open = Some(Open { id, process });
        id
    }

    /// Whether the open transaction wrote anything.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The keys that the open transaction wrote.
    pub(super) fn pending_keys(&self) -> Vec<String> {
        self.pending.iter().map(|(key, _)| key.clone()).collect()
    }

    /// Publishes what the open transaction wrote. Whether that changed anything.
    pub(super) fn commit(&mut self) -> bool {
        self.open = None;
        let mut changed = false;
        for (key, entry) in self.pending.drain(..) {
            let before = self.committed.entry(key).or_default();
            changed |= *before != entry;
            *before = entry;
        }
        changed
    }

    /// Forgets what the open transaction wrote.
    pub(super) fn roll_back(&mut self) {
        self.open = None;
        self.pending.clear();
    }

    /// A process died, and with it the connection that its transaction was on.
    pub(super) fn crashed(&mut self, process: &Process) {
        if self.open.as_ref().is_some_and(|open| open.process == *process) {
            self.roll_back();
        }
    }

    /// A hash of every entry, with its time to live. Nothing else outlives a delivery.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = FxHasher::default();
        for (key, entry) in &self.committed {
            if let Some(Entry { value, expires }) = entry {
                (key, value, expires).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    pub(super) fn observe(&self, seen: &mut Observation) {
        if self.watched.is_empty() {
            return;
        }
        let is_watched = |key: &str| self.watched.iter().any(|watched| watched.covers(key));
        let rows = self.committed.iter().filter_map(|(key, entry)| {
            let entry = entry.as_ref().filter(|entry| entry.is_there(self.now) && is_watched(key))?;
            Some(vec![key.clone(), entry.value.clone()])
        });
        seen.rows_under(Arc::clone(&self.name), Arc::clone(&self.columns), rows.collect(), false);
    }
}

/// The entries as one operation sees them, and what it did to them.
pub(super) struct View<'a> {
    state: &'a mut State,
    now: Duration,
    in_transaction: bool,
    /// Something that it read or wrote expires.
    pub(super) read_clock: bool,
    /// When what it wrote expires.
    pub(super) deadline: Option<Duration>,
    /// Something is not as it was.
    pub(super) changed: bool,
}

impl<'a> View<'a> {
    /// Reads what is committed and writes to it at once.
    pub(super) fn committed(state: &'a mut State, now: Duration) -> Self {
        Self { state, now, in_transaction: false, read_clock: false, deadline: None, changed: false }
    }

    /// As the open transaction sees it: with its own writes, which nobody else sees before it commits.
    pub(super) fn pending(state: &'a mut State, now: Duration) -> Self {
        Self { state, now, in_transaction: true, read_clock: false, deadline: None, changed: false }
    }

    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// What stands under this key, if it is there and has not expired.
    pub(super) fn get(&mut self, key: &str) -> Option<&Entry> {
        let own = self.state.pending.iter().find(|(written, _)| self.in_transaction && written == key);
        let entry = match own {
            Some((_, entry)) => entry,
            None => self.state.committed.get(key)?,
        };
        let entry = entry.as_ref()?;
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
        let State { pending, committed, .. } = &mut *self.state;
        let own = pending.iter_mut().find(|(written, _)| self.in_transaction && written == key);
        let is_own = own.is_some();
        let before = match own {
            Some((_, before)) => Some(before),
            None => committed.get_mut(key),
        };
        let stands = before.as_deref().and_then(Option::as_ref);
        self.read_clock |= stands.into_iter().chain(&entry).any(|entry| entry.expires.is_some());
        if stands.filter(|entry| entry.is_there(self.now)) == entry.as_ref() {
            return false;
        }
        self.changed = true;
        self.deadline = entry.as_ref().and_then(|entry| entry.expires);
        match before {
            Some(before) if is_own || !self.in_transaction => *before = entry,
            _ if self.in_transaction => pending.push((key.to_owned(), entry)),
            _ => drop(committed.insert(key.to_owned(), entry)),
        }
        true
    }
}
