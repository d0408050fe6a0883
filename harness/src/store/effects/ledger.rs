//! What has happened in an outside world, and which keys it knows.
//!
//! Nothing of the machine is known here.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use rustc_hash::FxHasher;

use crate::store::{Observation, Performed, Performer};

/// Everything that happened. All of it outlives every crash.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) name: Arc<str>,
    /// In the order in which it happened: the first has receipt 1.
    happened: Vec<Happened>,
    /// The receipt of each key.
    receipts: BTreeMap<String, u32>,
}

#[derive(Debug)]
struct Happened {
    what: String,
    detail: String,
    by: Performer,
}

impl Ledger {
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.into(), happened: Vec::new(), receipts: BTreeMap::new() }
    }

    pub(super) fn reset(&mut self) {
        self.happened.clear();
        self.receipts.clear();
    }

    /// The receipt under this key, if something happened under it.
    pub(super) fn receipt(&self, key: &str) -> Option<u32> {
        self.receipts.get(key).copied()
    }

    /// It happens. Its receipt.
    pub(super) fn happens(&mut self, key: Option<&str>, what: &str, detail: &str, by: Performer) -> u32 {
        self.happened.push(Happened { what: what.to_owned(), detail: detail.to_owned(), by });
        let receipt = self.happened.len() as u32;
        if let Some(key) = key {
            self.receipts.insert(key.to_owned(), receipt);
        }
        receipt
    }

    pub(super) fn observe(&self, seen: &mut Observation) {
        seen.performed(Arc::clone(&self.name), self.performed());
    }

    /// A hash of all that a handler, or the verdict, can come to know of.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.happened.len().hash(&mut hasher);
        self.receipts.hash(&mut hasher);
        for effect in self.performed().effects() {
            (&effect.what, &effect.detail, &effect.by).hash(&mut hasher);
        }
        hasher.finish()
    }

    fn performed(&self) -> Performed {
        self.happened.iter().map(|it| (it.what.clone(), it.detail.clone(), it.by)).collect()
    }
}
