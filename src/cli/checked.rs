//! What a command line is around: [`Checked`], a row of its table, and what is expected of it.

use redeliver_harness::{Anomaly, Bounds, DeliveryModel, Error, History, Prepared, Verdict, Watcher};

/// How something is checked, as the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct How {
    /// What it is called, in reports and lines.
    pub name: &'static str,
    /// The command that replays a line; `{line}` stands for it.
    pub replayed_by: String,
    /// Which deliveries the broker may make.
    pub model: DeliveryModel,
    /// Workloads have at most so many messages.
    pub messages: usize,
    /// How many processes there are.
    pub processes: usize,
    /// Every history with up to so many faults is searched.
    pub faults: usize,
    /// After that come so many random ones.
    pub cases: u64,
    /// The seed of those.
    pub seed: u64,
    /// Set for a complete search instead, of a workload of this size.
    pub complete: Option<Bounds>,
    /// Is told how far that is, where somebody watches.
    pub watcher: Option<Watcher>,
}

/// Something that can be checked in any way that a command line asks for. A closure that makes a [`Prepared`] is; whoever
/// needs more than that implements it.
pub trait Check: Send + Sync {
    /// Searches.
    fn verdict(&self, how: &How) -> Verdict;

    /// Replays one history.
    fn replay(&self, history: &History, how: &How) -> Verdict;

    /// Every history of a search by fault count that fails, in the order in which they are met, and how.
    ///
    /// # Errors
    /// What a store met.
    fn failing(&self, how: &How) -> Result<Vec<(History, Anomaly)>, Error>;
}

impl<F: Fn() -> Prepared + Send + Sync> Check for F {
    fn verdict(&self, how: &How) -> Verdict {
        how.asked_of(self()).verdict()
    }

    fn replay(&self, history: &History, how: &How) -> Verdict {
        how.asked_of(self()).replay(history)
    }

    fn failing(&self, how: &How) -> Result<Vec<(History, Anomaly)>, Error> {
        Ok(how.asked_of(self()).survey()?.failing)
    }
}

impl How {
    fn asked_of(&self, prepared: Prepared) -> Prepared {
        let prepared = match self.complete {
            Some(bounds) => prepared.complete(bounds),
            None => prepared,
        };
        let prepared = match &self.watcher {
            Some(watcher) => prepared.watched(watcher.clone()),
            None => prepared,
        };
        prepared
            .named(self.name)
            .replayed_by(&self.replayed_by)
            .model(self.model)
            .messages(self.messages)
            .processes(self.processes)
            .faults(self.faults)
            .cases(self.cases)
            .seed(self.seed)
    }
}

/// What something must be convicted of: a broken twin that nobody convicts says that the check is blind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Under this delivery model.
    pub model: DeliveryModel,
    /// On this store, as [`Checked::store`] and [`Checked::also_on`] name it; empty where it has no name.
    pub store: &'static str,
    /// Of any of these, by [name](Anomaly::name).
    pub anomalies: Vec<String>,
    /// With so many faults at most.
    pub faults: usize,
}

impl Charge {
    /// Whether a conviction of this, by a history of so many faults, is what was expected.
    pub(super) fn is_met_by(&self, anomaly: Anomaly, faults: usize) -> bool {
        faults <= self.faults && self.anomalies.iter().any(|name| name == anomaly.name())
    }
}

/// A row of the table that a [`Program`](super::Program) is around: a strategy, or a broken twin of one.
pub struct Checked {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) twin_of: Option<&'static str>,
    pub(super) claims: Vec<DeliveryModel>,
    pub(super) charges: Vec<Charge>,
    pub(super) stores: Vec<OnStore>,
    pub(super) payloads: Option<Payloads>,
}

/// So many faults are searched in a check, where nobody says.
pub(super) const USUAL_FAULTS: usize = 2;

/// A check, and the name of what is durable in it.
pub(super) struct OnStore {
    pub(super) store: &'static str,
    pub(super) check: Box<dyn Check>,
}

/// Which payloads a person may write.
pub(super) struct Payloads {
    pub(super) expected: &'static str,
    pub(super) can_be: fn(&str) -> bool,
}

impl Checked {
    /// Something by its name, what it does in a line, and how it is [prepared](redeliver_harness::Harness::prepare). It
    /// claims [`DeliveryModel::at_least_once`].
    ///
    /// The command line says how much is searched, and under which model: what the closure says of that counts for nothing.
    pub fn new(name: &'static str, summary: &'static str, check: impl Check + 'static) -> Self {
        Self {
            name,
            summary,
            twin_of: None,
            claims: vec![DeliveryModel::at_least_once()],
            charges: Vec::new(),
            stores: vec![OnStore { store: "", check: Box::new(check) }],
            payloads: None,
        }
    }

    /// The delivery models under which it must hold; the others are shown and not judged.
    #[must_use]
    pub fn claims(mut self, models: impl IntoIterator<Item = DeliveryModel>) -> Self {
        self.claims = models.into_iter().collect();
        self
    }

    /// It is a broken twin of that one: it claims nothing.
    #[must_use]
    pub fn twin_of(mut self, correct: &'static str) -> Self {
        self.twin_of = Some(correct);
        self.claims.clear();
        self
    }

    /// What it must be convicted of. A matrix is not as expected where it is not.
    #[must_use]
    pub fn charged(mut self, charge: Charge) -> Self {
        self.charges.push(charge);
        self
    }

    /// The name of what is durable in it, for `--store`. Only what stands on several needs one.
    #[must_use]
    pub fn store(mut self, name: &'static str) -> Self {
        self.stores[0].store = name;
        self
    }

    /// The same on something else that is durable.
    #[must_use]
    pub fn also_on(mut self, store: &'static str, check: impl Check + 'static) -> Self {
        self.stores.push(OnStore { store, check: Box::new(check) });
        self
    }

    /// Which payloads can be written into a history, in words and by a test: others are refused with their place. Without
    /// it, what cannot be read makes a replay inconclusive.
    #[must_use]
    pub fn payloads(mut self, expected: &'static str, can_be: fn(&str) -> bool) -> Self {
        self.payloads = Some(Payloads { expected, can_be });
        self
    }

    /// What it must be convicted of there, if anything.
    pub(super) fn charge(&self, store: &str, model: DeliveryModel) -> Option<&Charge> {
        self.charges.iter().find(|charge| charge.store == store && charge.model == model)
    }
}
