//! Puts a strategy into a harness: which store, how much, and whether to search or to replay.

use redeliver_harness::{
    Delivery, DeliveryModel, Harness, History, KeyValue, Store, Verdict,
    sqlite::{Database, Sqlite},
};

use crate::registry::Entry;

/// Amounts to add; the harness chooses such as can be told apart.
const AMOUNTS: std::ops::Range<i64> = 1..1000;

/// How much a strategy is checked, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is durable.
    pub store: StoreKind,
    /// Which deliveries the broker may make.
    pub model: DeliveryModel,
    /// Workloads have at most so many messages.
    pub messages: usize,
    /// How many processes there are.
    pub processes: usize,
    /// Every history with up to so many faults is searched.
    pub faults: usize,
}

impl Default for Options {
    fn default() -> Self {
        let model = DeliveryModel::at_least_once();
        Self { store: StoreKind::Sqlite, model, messages: 2, processes: 2, faults: 2 }
    }
}

/// A store that strategies stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// `SQLite`, in WAL, through stepped `rusqlite`.
    Sqlite,
    /// The key-value store.
    KeyValue,
}

impl StoreKind {
    /// Every store.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::KeyValue];

    /// Its name, as `expected.tsv` and the command line write it.
    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Sqlite => "sqlite",
            StoreKind::KeyValue => "key-value",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|store| store.name() == name)
    }
}

/// Searches the histories of a strategy, by fault count.
pub fn check(entry: &'static Entry, options: &Options) -> Verdict {
    run(entry, options, None)
}

/// Replays one history of a strategy. Of the options, only the store says anything: the rest stands in the history.
pub fn replay(entry: &'static Entry, history: &History, options: &Options) -> Verdict {
    run(entry, options, Some(history))
}

fn run(entry: &'static Entry, options: &Options, history: Option<&History>) -> Verdict {
    match options.store {
        StoreKind::Sqlite => {
            let consume = entry.strategy.sqlite();
            let handler = async move |db: &Sqlite, delivery: &Delivery<i64>| {
                let (id, amount) = (delivery.id().to_owned(), *delivery.payload());
                db.call(move |connection| consume(connection, &id, amount)).await
            };
            let harness = harness(database(entry), entry, options);
            match history {
                None => harness.verdict(AMOUNTS, handler),
                Some(history) => harness.replay(history, AMOUNTS, handler),
            }
        }
        StoreKind::KeyValue => {
            let handler = async move |store: &KeyValue, delivery: &Delivery<i64>| {
                entry.strategy.key_value(store, delivery.id(), *delivery.payload()).await
            };
            let harness = harness(key_value(entry), entry, options);
            match history {
                None => harness.verdict(AMOUNTS, handler),
                Some(history) => harness.replay(history, AMOUNTS, handler),
            }
        }
    }
}

fn harness<S: Store>(store: S, entry: &Entry, options: &Options) -> Harness<S> {
    Harness::new(store)
        .named(entry.name)
        .model(options.model)
        .contract((entry.contract)())
        .messages(options.messages)
        .processes(options.processes)
        .faults(options.faults)
}

fn database(entry: &Entry) -> Database {
    entry.observed.iter().fold(Sqlite::schema(entry.schema), |database, query| database.observe(query))
}

fn key_value(entry: &Entry) -> KeyValue {
    entry.keys.iter().fold(KeyValue::new("store"), |store, key| store.observe_prefix(key))
}
