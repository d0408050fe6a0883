//! Puts a strategy into a harness: which store, how much, and whether to search or to replay.

use redeliver_harness::{
    Anomaly, Delivery, DeliveryModel, Error, Harness, History, IntoOutcome, KeyValue, Store, Verdict,
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
    /// After that come so many random histories with up to 8.
    pub cases: u64,
    /// The seed of those.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        let model = DeliveryModel::at_least_once();
        Self { store: StoreKind::Sqlite, model, messages: 2, processes: 2, faults: 2, cases: 256, seed: 0 }
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

/// Searches the histories of a strategy for the first that breaks it: by fault count, then random ones.
pub fn check(entry: &'static Entry, options: &Options) -> Verdict {
    run(entry, options, Check)
}

/// Replays one history of a strategy. Of the options, only the store says anything: the rest stands in the history.
pub fn replay(entry: &'static Entry, history: &History, options: &Options) -> Verdict {
    run(entry, options, Replay(history))
}

/// Every history that breaks a strategy, in the order in which the search meets them, and how.
///
/// # Errors
/// What a store met.
pub fn survey(entry: &'static Entry, options: &Options) -> Result<Vec<(History, Anomaly)>, Error> {
    run(entry, options, Survey)
}

/// What is done with a harness, whatever it stands on.
trait Job {
    type Came;

    fn on<S: Store, O: IntoOutcome>(
        self,
        harness: Harness<S>,
        handler: impl AsyncFn(&S::Handle, &Delivery<i64>) -> O + Send + Sync + 'static,
    ) -> Self::Came;
}

fn run<J: Job>(entry: &'static Entry, options: &Options, job: J) -> J::Came {
    match options.store {
        StoreKind::Sqlite => {
            let consume = entry.strategy.sqlite();
            job.on(harness(database(entry), entry, options), async move |db: &Sqlite, delivery: &Delivery<i64>| {
                let (id, amount) = (delivery.id().to_owned(), *delivery.payload());
                db.call(move |connection| consume(connection, &id, amount)).await
            })
        }
        StoreKind::KeyValue => job.on(
            harness(key_value(entry), entry, options),
            async move |store: &KeyValue, delivery: &Delivery<i64>| {
                entry.strategy.key_value(store, delivery.id(), *delivery.payload()).await
            },
        ),
    }
}

struct Check;

impl Job for Check {
    type Came = Verdict;

    fn on<S: Store, O: IntoOutcome>(
        self,
        harness: Harness<S>,
        handler: impl AsyncFn(&S::Handle, &Delivery<i64>) -> O + Send + Sync + 'static,
    ) -> Verdict {
        harness.verdict(AMOUNTS, handler)
    }
}

struct Replay<'a>(&'a History);

impl Job for Replay<'_> {
    type Came = Verdict;

    fn on<S: Store, O: IntoOutcome>(
        self,
        harness: Harness<S>,
        handler: impl AsyncFn(&S::Handle, &Delivery<i64>) -> O + Send + Sync + 'static,
    ) -> Verdict {
        harness.replay(self.0, AMOUNTS, handler)
    }
}

struct Survey;

impl Job for Survey {
    type Came = Result<Vec<(History, Anomaly)>, Error>;

    fn on<S: Store, O: IntoOutcome>(
        self,
        harness: Harness<S>,
        handler: impl AsyncFn(&S::Handle, &Delivery<i64>) -> O + Send + Sync + 'static,
    ) -> Self::Came {
        Ok(harness.survey(AMOUNTS, handler)?.failing)
    }
}

fn harness<S: Store>(store: S, entry: &Entry, options: &Options) -> Harness<S> {
    Harness::new(store)
        .named(entry.name)
        .replayed_by(&replay_command(entry, options.store))
        .model(options.model)
        .contract((entry.contract)())
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

fn database(entry: &Entry) -> Database {
    entry.observed.iter().fold(Sqlite::schema(entry.schema), |database, query| database.observe(query))
}

fn key_value(entry: &Entry) -> KeyValue {
    entry.keys.iter().fold(KeyValue::new("store"), |store, key| store.observe_prefix(key))
}
