//! What a check comes to: a verdict, how far it searched, a counterexample.

use std::{fmt, time::Duration};

use crate::{
    Bounds, History,
    history::Fault,
    oracle::Anomaly,
    report::{self, Told, Usual},
};

/// What a check comes to. Incomplete is never a pass.
#[derive(Debug)]
#[must_use = "a verdict that nobody looks at checks nothing"]
pub enum Verdict {
    /// No history that was searched breaks the handler.
    Holds(Searched),
    /// This one does.
    Violated(Box<Counterexample>),
    /// It cannot be said, for this reason.
    Inconclusive(Inconclusive),
}

/// How far a search went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Every history with up to so many faults was searched.
    pub faults: usize,
    /// How many histories were replayed with no fault, with one, with two, ….
    pub histories: Vec<u64>,
    /// How many random histories came after that.
    pub random: u64,
    /// With up to so many faults each.
    pub random_faults: usize,
    /// The seed that they were drawn with.
    pub seed: u64,
    /// Only faults of these kinds, by their words; of every kind where none is named.
    pub only: Vec<&'static str>,
    /// The workloads that every history was searched over, as a person reads them.
    pub workloads: Vec<String>,
    /// How often each kind of fault acted, by its word, in alphabetical order.
    pub acted: Vec<(&'static str, u64)>,
    /// How often each of them did so in random histories; those that never did may be missing.
    pub acted_at_random: Vec<(&'static str, u64)>,
    /// By how much the clock was made to jump, where anything read it.
    pub jumps: Vec<Duration>,
    /// And to each time at which something expired, and to one tick before and after it.
    pub deadlines: bool,
    /// Messages whose loss could not have been seen, as a person reads them.
    pub unseen: Vec<String>,
    /// Only one history that somebody gave was replayed.
    pub alone: bool,
    /// How many counterexamples of earlier runs were replayed first.
    pub before: u64,
    /// Faults of a history that somebody gave which did not act, and why.
    pub unused: Vec<(Fault, &'static str)>,
    /// How far a complete search went, where it was one.
    pub complete: Option<Box<Complete>>,
}

/// How far a complete search went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Complete {
    /// How large its workload is.
    pub bounds: Bounds,
    /// So many executions went to their end. Any two of them differ in more than the order of what commutes.
    pub executions: u64,
    /// So many more were left as soon as it was clear that they come to what another one came to.
    pub cut: u64,
    /// About so many schedules there are, all in all.
    pub schedules: u128,
    /// They are all that there are.
    pub every: bool,
    /// A store does not tell what its operations touch, so that everything was taken to conflict with everything.
    pub blind: bool,
}

/// The smallest history that was found to break the handler, and everything that is known of it.
#[derive(Debug)]
pub struct Counterexample {
    pub(crate) history: History,
    pub(crate) anomaly: Anomaly,
    pub(crate) message: Option<usize>,
    pub(crate) report: String,
    pub(crate) told: Told,
    pub(crate) searched: Searched,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconclusive {
    /// The reason, in words.
    pub reason: String,
    /// How far the search had gone.
    pub searched: Searched,
    /// What usually lies behind it.
    pub(crate) usual: Usual,
}

impl Searched {
    /// How many histories were replayed in all, or executions.
    pub fn total(&self) -> u64 {
        self.complete.as_ref().map_or(0, |complete| complete.executions)
            + self.histories.iter().sum::<u64>()
            + self.random
    }

    /// How often a fault of this kind acted in random histories.
    pub(crate) fn at_random(&self, fault: &str) -> u64 {
        self.acted_at_random.iter().find(|(word, _)| *word == fault).map_or(0, |(_, times)| *times)
    }
}

impl Counterexample {
    /// The history that breaks the handler.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What it breaks.
    pub fn anomaly(&self) -> Anomaly {
        self.anomaly
    }

    /// The message that it happens to, by its place, if it happens to one.
    pub fn message(&self) -> Option<usize> {
        self.message
    }

    /// How far the search went before it was found.
    pub fn searched(&self) -> &Searched {
        &self.searched
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl Verdict {
    /// The verdict on one screen, for the check of this name.
    pub fn report(&self, name: &str) -> String {
        match self {
            Verdict::Holds(searched) => report::passed(name, searched),
            Verdict::Violated(counterexample) => counterexample.report.clone(),
            Verdict::Inconclusive(inconclusive) => report::inconclusive(name, inconclusive),
        }
    }

    /// The same for programs: one JSON value of many lines, with the history, the trace and how far the search went. What
    /// its members mean stands in `docs/report.md`; `"redeliver": 1` is the version of that.
    ///
    /// ```
    /// use redeliver_harness::{Delivery, Harness, KeyValue};
    ///
    /// let verdict = Harness::new(KeyValue::new("bank").observe_key("balance")).faults(1).verdict(
    ///     1..1000i64,
    ///     async |bank: &KeyValue, m: &Delivery<i64>| bank.add("balance", *m.payload()).await.map(drop),
    /// );
    /// let json = verdict.json("credit");
    /// assert!(json.starts_with("{\n  \"redeliver\": 1,\n  \"name\": \"credit\",\n  \"verdict\": \"violated\",\n"));
    /// assert!(json.contains("\"anomaly\": \"twice\""));
    /// ```
    pub fn json(&self, name: &str) -> String {
        report::json(name, self)
    }

    /// A pass only if faults of all these kinds acted, by their words, as of
    /// [`Harness::must_act`](crate::Harness::must_act); what was no pass stays as it was.
    pub fn if_acted(self, faults: &[impl AsRef<str>]) -> Self {
        let Verdict::Holds(searched) = self else { return self };
        let acted = |word: &str| searched.acted.iter().any(|(acted, times)| *acted == word && *times > 0);
        let idle: Vec<&str> = faults.iter().map(AsRef::as_ref).filter(|word| !acted(word)).collect();
        if idle.is_empty() {
            return Verdict::Holds(searched);
        }
        let reason = format!(
            "the check asks that these act, and they never did, since nothing gave them a place: {}",
            idle.join(", ")
        );
        Verdict::Inconclusive(Inconclusive { reason, searched, usual: Usual::Nothing })
    }

    /// The name of the anomaly, if the handler is violated: `twice`.
    pub fn anomaly(&self) -> Option<Anomaly> {
        match self {
            Verdict::Violated(counterexample) => Some(counterexample.anomaly),
            Verdict::Holds(_) | Verdict::Inconclusive(_) => None,
        }
    }
}
