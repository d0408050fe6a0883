//! What a key-value store holds: committed entries, and the open transactions with what each has written so far.
//!
//! Nothing of the machine is known here; what an operation is, and what can go wrong with it, is in `operation`, how one
//! sees the entries in `view`.
//!
//! A transaction keeps what it wrote to itself until it commits; at `ReadCommitted` these keys are its locks. What it sees
//! is that over what is committed. At `Snapshot` there is a layer in between: whatever others write over after it has
//! begun is kept for it as it was, which makes its snapshot, and says at its commit whether it was overtaken.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use rustc_hash::FxHasher;

use super::{Isolation, losses::Written, observe::Watched};
use crate::{Observation, store::Process};

/// A store with more keys than this forgets them when it is reset.
const MOST_KEYS_KEPT: usize = 1_000;

/// Keys with what stands under them. `None` is that nothing does.
type Entries = Vec<(String, Option<Entry>)>;

/// Everything that outlives a crash, and the open transactions, which do not.
#[derive(Debug)]
pub(super) struct State {
    name: Arc<str>,
    /// `key` and `value`, as what is observed is headed.
    columns: Arc<[String]>,
    pub(super) watched: Vec<Watched>,
    pub(super) isolation: Isolation,
    /// A key stays when its entry goes: most replays write the same ones.
    pub(super) committed: BTreeMap<String, Option<Entry>>,
    /// In the order in which they began; at `Serializable` one at most.
    pub(super) open: Vec<Open>,
    /// What the last transaction kept its writes in, emptied, for the next one.
    spare: Entries,
    /// What it may lose.
    pub(super) written: Written,
    /// Transactions begun since the store was made. Never set back, so that a forgotten one is nobody else's.
    begun: u64,
    /// The latest virtual time that an operation acted at.
    pub(super) now: Duration,
    /// What the operation that acts tells that it touches.
    #[cfg(debug_assertions)]
    pub(super) told: super::held::Told,
}

/// A transaction that has begun and not ended.
#[derive(Debug)]
pub(super) struct Open {
    id: TransactionId,
    pub(super) process: Process,
    /// What it wrote, in the order of the first write to each key.
    pub(super) pending: Entries,
    /// What others have written over since it began, as it was then; only at `Snapshot`.
    overtaken: Entries,
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
    pub(super) fn is_there(&self, now: Duration) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl State {
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            columns: ["key", "value"].map(str::to_owned).into(),
            watched: Vec::new(),
            isolation: Isolation::default(),
            committed: BTreeMap::new(),
            open: Vec::new(),
            spare: Vec::new(),
            written: Written::default(),
            begun: 0,
            now: Duration::ZERO,
            #[cfg(debug_assertions)]
            told: Default::default(),
        }
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Puts everything back to how it was before the first message.
    pub(super) fn reset(&mut self) {
        if self.committed.len() > MOST_KEYS_KEPT {
            self.committed.clear();
        }
        self.committed.values_mut().for_each(|entry| *entry = None);
        self.open.clear();
        self.written.clear();
        self.now = Duration::ZERO;
    }

    /// An operation acts at this virtual time.
    pub(super) fn saw(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// The place of a transaction among those that are open, if it is.
    pub(super) fn place(&self, transaction: TransactionId) -> Option<usize> {
        self.open.iter().position(|open| open.id == transaction)
    }

    /// Whether nobody can begin now.
    pub(super) fn forbids_to_begin(&self) -> bool {
        self.isolation == Isolation::Serializable && !self.open.is_empty()
    }

    /// Whether this key cannot be written now, by the open transaction at this place or outside any.
    pub(super) fn forbids_to_write(&self, key: &str, within: Option<usize>) -> bool {
        match self.isolation {
            Isolation::Serializable => within.is_none() && !self.open.is_empty(),
            Isolation::ReadCommitted => {
                let mut others = self.open.iter().enumerate().filter(|(at, _)| Some(*at) != within);
                others.any(|(_, open)| open.wrote(key))
            }
            Isolation::Snapshot => false,
        }
    }

    pub(super) fn begin(&mut self, process: Process) -> TransactionId {
        self.begun += 1;
        let id = TransactionId(self.begun);
        let pending = std::mem::take(&mut self.spare);
        self.open.push(Open { id, process, pending, overtaken: Vec::new() });
        id
    }

    /// What stands under this key, for the open transaction at this place or outside any; it may have expired.
    pub(super) fn seen(&self, within: Option<usize>, key: &str) -> Option<&Entry> {
        let own = within.and_then(|at| self.open[at].sees(key));
        #[cfg(debug_assertions)]
        if own.is_none() {
            self.reads(within, key);
        }
        own.or_else(|| self.committed.get(key))?.as_ref()
    }

    /// Whether the open transaction at this place wrote anything.
    pub(super) fn has_pending(&self, at: usize) -> bool {
        !self.open[at].pending.is_empty()
    }

    /// The keys that it wrote.
    pub(super) fn pending_keys(&self, at: usize) -> Vec<String> {
        self.open[at].pending.iter().map(|(key, _)| key.clone()).collect()
    }

    /// Whether somebody may have to wait until it ends.
    pub(super) fn holds_locks(&self, at: usize) -> bool {
        match self.isolation {
            Isolation::Serializable => true,
            Isolation::ReadCommitted => self.has_pending(at),
            Isolation::Snapshot => false,
        }
    }

    /// Whether another one that committed first wrote what it wrote too, so that it cannot commit.
    pub(super) fn is_overtaken(&self, at: usize) -> bool {
        let open = &self.open[at];
        open.overtaken.iter().any(|(key, _)| open.wrote(key))
    }

    /// Publishes what it wrote. Whether that changed anything.
    pub(super) fn commit(&mut self, at: usize) -> bool {
        let mut pending = self.open.remove(at).pending;
        let mut changed = false;
        let mut write = Vec::new();
        for (key, entry) in pending.drain(..) {
            #[cfg(debug_assertions)]
            self.writes(&key);
            if self.isolation == Isolation::Snapshot {
                let before = self.committed.get(&key).and_then(Option::as_ref);
                self.open.iter_mut().for_each(|other| other.keep(&key, before));
            }
            if self.written.is_kept() {
                write.push((key.clone(), self.committed.get(&key).cloned().flatten()));
            }
            let before = self.committed.entry(key).or_default();
            changed |= *before != entry;
            *before = entry;
        }
        self.written.note(write);
        self.spare = pending;
        changed
    }

    /// Forgets what it wrote.
    pub(super) fn roll_back(&mut self, at: usize) {
        self.spare = self.open.remove(at).pending;
        self.spare.clear();
    }

    /// A process died, and with it the connections that its transactions were on.
    pub(super) fn crashed(&mut self, process: &Process) {
        self.open.retain(|open| open.process != *process);
    }

    /// A hash of every entry, with its time to live. Nothing else outlives a delivery, unless somebody forgot a transaction:
    /// then it cannot be told.
    pub(super) fn digest(&self) -> Option<u64> {
        if !self.open.is_empty() {
            return None;
        }
        let mut hasher = FxHasher::default();
        for (key, entry) in &self.committed {
            if let Some(Entry { value, expires }) = entry {
                (key, value, expires).hash(&mut hasher);
            }
        }
        // What it may still lose, and would then hold.
        for write in self.written.log() {
            write.len().hash(&mut hasher);
            for (key, before) in write {
                (key, before.as_ref().map(|entry| (&entry.value, entry.expires))).hash(&mut hasher);
            }
        }
        Some(hasher.finish())
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

impl Open {
    fn wrote(&self, key: &str) -> bool {
        self.pending.iter().any(|(written, _)| written == key)
    }

    /// What it sees under this key, if that is not what is committed.
    fn sees(&self, key: &str) -> Option<&Option<Entry>> {
        self.pending.iter().chain(&self.overtaken).find(|(written, _)| written == key).map(|(_, entry)| entry)
    }

    /// Another one writes over what stands under this key: it goes on to see it, unless it saw something older.
    pub(super) fn keep(&mut self, key: &str, before: Option<&Entry>) {
        if self.overtaken.iter().all(|(written, _)| written != key) {
            self.overtaken.push((key.to_owned(), before.cloned()));
        }
    }
}
