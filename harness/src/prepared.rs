//! [`Prepared`]: a check whose types are forgotten. What it is made of is said in `harness`, in which order it runs in
//! `check`.

use std::panic::Location;

use crate::{
    Bounds, DeliveryModel, Error, History, Verdict,
    check::{self, Explored, Fuzzer, Options, Survey},
    search::complete::Watcher,
    subject::Subject,
};

/// A check that has its handler and its messages, from [`Harness::prepare`](crate::Harness::prepare): the same type whatever
/// these are, so that checks can stand in a table, and be run several times and in several ways.
///
/// ```
/// use redeliver_harness::{Delivery, DeliveryModel, Harness, KeyValue, Prepared, Verdict};
///
/// fn counts_twice() -> Prepared {
///     Harness::new(KeyValue::new("cache").observed()).prepare(1..1000i64, async |cache: &KeyValue, m: &Delivery<i64>| {
///         cache.add("balance", *m.payload()).await.map(drop)
///     })
/// }
///
/// let table: [(&str, fn() -> Prepared); 1] = [("counts-twice", counts_twice)];
/// for (name, prepare) in table {
///     let verdict = prepare().named(name).model(DeliveryModel::at_least_once()).faults(1).verdict();
///     assert!(matches!(verdict, Verdict::Violated(_)));
/// }
/// ```
#[must_use = "a check that nobody runs checks nothing"]
pub struct Prepared {
    subject: Box<dyn Subject>,
    options: Options,
}

impl Prepared {
    pub(crate) fn new(subject: Box<dyn Subject>, options: Options) -> Self {
        Self { subject, options }
    }

    /// As [`Harness::model`](crate::Harness::model).
    pub fn model(mut self, model: DeliveryModel) -> Self {
        self.options.model = model;
        self
    }

    /// As [`Harness::faults`](crate::Harness::faults).
    pub fn faults(mut self, faults: usize) -> Self {
        self.options.faults = faults;
        self
    }

    /// As [`Harness::cases`](crate::Harness::cases).
    pub fn cases(mut self, cases: u64) -> Self {
        self.options.random.count = cases;
        self
    }

    /// As [`Harness::seed`](crate::Harness::seed).
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.random.seed = seed;
        self
    }

    /// As [`Harness::messages`](crate::Harness::messages).
    pub fn messages(mut self, messages: usize) -> Self {
        self.options.set_messages(messages);
        self
    }

    /// As [`Harness::processes`](crate::Harness::processes).
    pub fn processes(mut self, processes: usize) -> Self {
        self.options.set_processes(processes);
        self
    }

    /// As [`Harness::complete`](crate::Harness::complete).
    pub fn complete(mut self, bounds: Bounds) -> Self {
        self.options.complete = Some(bounds);
        self
    }

    /// Tells this how far a [complete](Self::complete) search is, while it runs: to show it, or to let it be seen that it
    /// goes on.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// use redeliver_harness::{Bounds, Delivery, Error, Harness, KeyValue, Watcher};
    ///
    /// let executions = Arc::new(AtomicU64::new(0));
    /// let told = Arc::clone(&executions);
    /// let store = KeyValue::new("bank").observed();
    /// let mut prepared = Harness::new(store).prepare(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| {
    ///     kv.put_if_absent(m.id(), "100", None).await.map(drop)
    /// });
    /// prepared = prepared.complete(Bounds::default());
    /// prepared.watched(Watcher::new(move |progress| told.store(progress.executions, Ordering::Relaxed))).verdict();
    /// assert_eq!(executions.load(Ordering::Relaxed), 28);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn watched(mut self, watcher: Watcher) -> Self {
        self.options.watcher = Some(watcher);
        self
    }

    /// As [`Harness::named`](crate::Harness::named).
    pub fn named(mut self, test: &str) -> Self {
        self.options.name = Some(test.to_owned());
        self
    }

    /// As [`Harness::replayed_by`](crate::Harness::replayed_by).
    pub fn replayed_by(mut self, command: &str) -> Self {
        self.options.command = Some(command.to_owned());
        self
    }

    /// As [`Harness::check`](crate::Harness::check).
    ///
    /// # Panics
    /// As that.
    #[track_caller]
    pub fn check(mut self) {
        check::in_a_test(self.subject.as_mut(), &self.options, Location::caller());
    }

    /// The same for one of several in a test: what a pass says, or why it is none.
    pub(crate) fn tried(mut self, caller: &Location<'_>) -> Result<String, String> {
        check::tried(self.subject.as_mut(), &self.options, caller)
    }

    /// As [`Harness::verdict`](crate::Harness::verdict).
    pub fn verdict(&mut self) -> Verdict {
        check::verdict(self.subject.as_mut(), &self.options)
    }

    /// As [`Harness::replay`](crate::Harness::replay).
    pub fn replay(&mut self, history: &History) -> Verdict {
        check::replay(self.subject.as_mut(), &self.options, history)
    }

    /// The same, judged by an oracle for which nothing is wrong. For tests of the tests that convict somebody.
    #[doc(hidden)]
    pub fn accepting_everything(mut self) -> Self {
        self.options.accepts_everything = true;
        self
    }

    /// What is left of a history that fails when nothing can be taken away any more, and how many replays that took. For tests
    /// of the shrinker.
    ///
    /// # Errors
    /// What a store met.
    #[doc(hidden)]
    pub fn shrunk(&mut self, history: &History) -> Result<(History, u32), Error> {
        check::shrunk(self.subject.as_mut(), &self.options, history)
    }

    /// This check for a fuzzer, which makes the histories; [`fuzz`](crate::fuzz) is the shorter way.
    ///
    /// # Errors
    /// The verdict without any fault, where the check does not hold then: it would say nothing of any bytes.
    pub fn fuzzer(self) -> Result<Fuzzer, Box<Verdict>> {
        Fuzzer::new(self.subject, self.options)
    }

    /// What it is called, if anybody said so.
    pub(crate) fn name(&self) -> Option<&str> {
        self.options.name.as_deref()
    }

    /// As [`Harness::survey`](crate::Harness::survey).
    ///
    /// # Errors
    /// What a store met.
    #[doc(hidden)]
    pub fn survey(&mut self) -> Result<Survey, Error> {
        check::survey(self.subject.as_mut(), &self.options)
    }

    /// Every execution within these bounds, by what it came to; without `reduces`, also those that differ only in the order of
    /// what commutes. Of so many, the first, a history is made and replayed. For tests of the harness itself.
    ///
    /// # Errors
    /// What a store met.
    #[doc(hidden)]
    pub fn explored(&mut self, bounds: Bounds, reduces: bool, remake: usize) -> Result<Explored, Error> {
        check::explored(self.subject.as_mut(), &self.options, bounds, reduces, remake)
    }

    /// As [`Harness::remade`](crate::Harness::remade).
    ///
    /// # Errors
    /// What a store met.
    #[doc(hidden)]
    pub fn remade(&mut self, histories: &[History]) -> Result<Vec<Result<History, String>>, Error> {
        histories.iter().map(|history| check::remade(self.subject.as_mut(), history)).collect()
    }
}
