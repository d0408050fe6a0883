//! Runs the check of a strategy: on which store, how much, and whether to search or to replay.

use redeliver_harness::{
    Anomaly, Bounds, Delivery, DeliveryModel, Error, Harness, History, Observation, Prepared, Process, Store, Verdict,
    Watcher,
};

use crate::registry::{AMOUNTS, Entry};

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
    /// After that come so many random histories with up to 8.
    pub cases: u64,
    /// The seed of those.
    pub seed: u64,
    /// Set for a complete search instead, of a workload of this size.
    pub complete: Option<Bounds>,
    /// Is told how far that is.
    pub watcher: Option<Watcher>,
}

impl Default for Options {
    fn default() -> Self {
        let model = DeliveryModel::at_least_once();
        Self {
            store: StoreKind::Sqlite,
            model,
            messages: 2,
            processes: 2,
            faults: 2,
            cases: 256,
            seed: 0,
            complete: None,
            watcher: None,
        }
    }
}

/// A store that strategies stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// `SQLite`, in WAL, through stepped `rusqlite`.
    Sqlite,
    /// The key-value store.
    KeyValue,
    /// The same with transactions at `Snapshot`.
    KeyValueAtSnapshot,
}

impl StoreKind {
    /// Every store.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::KeyValue, Self::KeyValueAtSnapshot];

    /// Its name, as the command line writes it: that of `expected.tsv`, in one word.
    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Sqlite => "sqlite",
            StoreKind::KeyValue => "key-value",
            StoreKind::KeyValueAtSnapshot => "key-value-at-snapshot",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|store| store.name() == name)
    }
}

/// Searches the histories of a strategy for the first that breaks it: by fault count, then random ones. Inconclusive on a
/// store that it does not stand on.
pub fn check(entry: &'static Entry, options: &Options) -> Verdict {
    prepared(entry, options).verdict()
}

/// Replays one history of a strategy. Of the options, only the store says anything: the rest stands in the history.
pub fn replay(entry: &'static Entry, history: &History, options: &Options) -> Verdict {
    prepared(entry, options).replay(history)
}

/// Every history that breaks a strategy, in the order in which the search meets them, and how.
///
/// # Errors
/// What a store met.
pub fn survey(entry: &'static Entry, options: &Options) -> Result<Vec<(History, Anomaly)>, Error> {
    Ok(prepared(entry, options).survey()?.failing)
}

/// The check of a strategy as these options say. Inconclusive on a store that it does not stand on.
pub fn prepared(entry: &Entry, options: &Options) -> Prepared {
    let prepared = entry.on(options.store).unwrap_or_else(|| nowhere(entry, options.store));
    let prepared = match options.complete {
        Some(bounds) => prepared.complete(bounds),
        None => prepared,
    };
    let prepared = match &options.watcher {
        Some(watcher) => prepared.watched(watcher.clone()),
        None => prepared,
    };
    prepared
        .named(entry.name)
        .replayed_by(&replay_command(entry, options.store))
        .model(options.model)
        .messages(options.messages)
        .processes(options.processes)
        .faults(options.faults)
        .cases(options.cases)
        .seed(options.seed)
}

/// How the program `redeliver` replays a line of this strategy.
fn replay_command(entry: &Entry, store: StoreKind) -> String {
    let on = match store {
        StoreKind::Sqlite => String::new(),
        other => format!(" --store {}", other.name()),
    };
    format!("redeliver replay '{{line}}' --strategy {}{on}", entry.name)
}

/// A check of a strategy where it does not stand.
fn nowhere(entry: &Entry, store: StoreKind) -> Prepared {
    let stores: Vec<&str> = entry.stores().map(StoreKind::name).collect();
    let why = format!("{} does not stand on {}; it stands on: {}", entry.name, store.name(), stores.join(", "));
    Harness::new(Nowhere { why }).prepare(AMOUNTS, async |(): &(), _: &Delivery<i64>| Ok::<(), Error>(()))
}

/// A store that a strategy does not stand on.
struct Nowhere {
    why: String,
}

impl Store for Nowhere {
    type Handle = ();

    fn reset(&mut self) -> Result<(), Error> {
        Err(Error::other(&self.why))
    }

    fn open(&mut self, _process: &Process) -> Result<(), Error> {
        Ok(())
    }

    fn observe(&mut self, _seen: &mut Observation) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{named, registry::Strategy};

    #[test]
    fn where_a_strategy_does_not_stand_nothing_can_be_said_and_why_is() {
        let nowhere = Entry { strategy: Strategy::Whole(|_, _| None), ..*named("natural").unwrap() };
        let entry: &'static Entry = Box::leak(Box::new(nowhere));
        let Verdict::Inconclusive(why) = check(entry, &Options::default()) else { panic!("it stands nowhere") };
        assert!(why.reason.contains("natural does not stand on sqlite"), "{}", why.reason);
        let history = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\n".parse().unwrap();
        assert!(matches!(replay(entry, &history, &Options::default()), Verdict::Inconclusive(_)));
        assert!(survey(entry, &Options::default()).is_err());
    }
}
