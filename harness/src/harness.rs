//! [`Harness`]: what a user writes. It gathers what is durable, how a process starts and what is promised, and hands all of
//! that with a handler to `check`. How it is run is in `run`.

mod run;

use std::time::Duration;

use crate::{
    Bounds, Contract, DeliveryModel, Observation, Store, check::Options, history::Label, invariants::Invariants,
    machine::Background, world::Boot,
};

/// A check in the making: what is durable (`S`), and what a process is (`C`).
///
/// A process is the handles of what is durable until [`process`](Harness::process) says otherwise.
///
/// # Asynchronous handlers
/// A handler is polled by hand, on one thread, within a paused tokio runtime. `tokio::time` follows the virtual clock: a sleep
/// takes no time of yours, a timeout fires when the history lets the clock come so far. `tokio::sync` works as it does.
/// What a handler spawns with `tokio::spawn` runs between the operations of handles as it likes, and each of its operations
/// is a point of the delivery that spawned it; it goes on when its handler has returned or is cancelled, and never acts again
/// after its process crashed. `join!`, `timeout` and `select!` over operations give a point for each.
///
/// What cannot be controlled makes the verdict [inconclusive](crate::Verdict::Inconclusive), by its name: `spawn_blocking`,
/// `spawn_local`, real I/O outside of [`step`](redeliver_point::step). A `select!` without `biased;` chooses at random: it is
/// found out when a history is replayed. The clock is seen to be looked at where a handler waits for a timer, not where it asks
/// `tokio::time::Instant::now()`: that has to be said, by [`reads_clock`](Harness::reads_clock). A task that spins on
/// `yield_now` while everybody else waits for time to pass hangs, as it does under tokio's own paused clock.
///
/// ```
/// use redeliver_harness::{Delivery, Harness, KeyValue, Verdict};
///
/// let verdict = Harness::new(KeyValue::new("cache").observe_prefix("balance")).verdict(
///     1..1000i64,
///     async |cache: &KeyValue, m: &Delivery<i64>| {
///         if cache.put_if_absent(m.id(), "seen", None).await? {
///             cache.add("balance", *m.payload()).await?;
///         }
///         Ok::<(), redeliver_harness::Error>(())
///     },
/// );
/// let Verdict::Violated(counterexample) = verdict else { panic!("a crash after the mark loses the message") };
/// assert_eq!(counterexample.anomaly().name(), "lost");
/// assert_eq!(counterexample.history().faults.len(), 1);
/// ```
pub struct Harness<S: Store, C = <S as Store>::Handle> {
    store: S,
    boot: Boot<S, C>,
    options: Options,
    invariants: Invariants,
}

impl<S: Store> Harness<S> {
    /// A check of a handler that works on this store, or on a tuple of up to four.
    pub fn new(durable: S) -> Self {
        Self { store: durable, boot: Boot::handles(), options: Options::default(), invariants: Invariants::default() }
    }

    /// How a process starts, from the handles of what is durable. It is called for each process when its first message
    /// arrives, and again after a crash: what it makes is the volatile memory that a crash takes.
    ///
    /// # Panics
    /// If [`every`](Harness::every) was called before: its work was for another type of process.
    pub fn process<C: 'static>(self, boot: impl Fn(S::Handle) -> C + Send + Sync + 'static) -> Harness<S, C> {
        assert!(self.boot.has_no_works(), "say how a process starts, with `process`, before `every`");
        Harness { store: self.store, boot: Boot::with(boot), options: self.options, invariants: self.invariants }
    }
}

impl<S: Store, C: 'static> Harness<S, C> {
    /// Other work of a process: a round of it every so often, with points and crashes of its own (`relay@p0#2.1`). A body,
    /// not a loop.
    ///
    /// Each process does it, the first time one period after it started and then one period after the last round ended, in
    /// virtual time. When the last message is settled rounds go on until one of each has changed nothing. A round that
    /// changes something every time is begun 50 times then.
    ///
    /// # Panics
    /// If the label cannot be one (see [`Label`]) or is there already, or the period is shorter than
    /// a millisecond.
    #[must_use]
    pub fn every<W>(mut self, period: Duration, label: &str, work: W) -> Self
    where
        W: AsyncFn(&C) + Send + Sync + 'static,
    {
        let label = label.parse::<Label>().unwrap_or_else(|error| panic!("{error}"));
        assert!(period >= Duration::from_millis(1), "`{label}` has a period of less than a millisecond");
        assert!(self.boot.every(Background { label, period }, work), "there are two works called `{label}`");
        self
    }

    /// Which deliveries the broker may make; [`DeliveryModel::at_least_once`] by default.
    #[must_use]
    pub fn model(mut self, model: DeliveryModel) -> Self {
        self.options.model = model;
        self
    }

    /// What the handler promises; [`Contract::strict`] by default.
    #[must_use]
    pub fn contract(mut self, contract: Contract) -> Self {
        self.options.contract = contract;
        self
    }

    /// What must hold at every moment, in whatever history: before the first message, after every step that changed
    /// something durable, after every delivery and crash, and whenever the clock moved. `label` says it in words, for the
    /// report. Several may be given.
    ///
    /// It finds what holding a handler against itself cannot: a handler that is wrong without any fault agrees with itself.
    /// It is asked of replays, the plain run among them, and not of reference runs. `holds` sees what
    /// [`observe`](Store::observe) says, all of it, also what the contract does not compare. It must be a pure function; one
    /// that panics makes the verdict inconclusive.
    ///
    /// A broken invariant is [`Anomaly::Invariant`](crate::Anomaly::Invariant) where nothing else is wrong; otherwise the
    /// other name stands in the title and the invariant in the trace. An open transaction is not seen before it is committed.
    ///
    /// ```
    /// use redeliver_harness::{Anomaly, Delivery, Error, Harness, KeyValue, Verdict};
    ///
    /// let verdict = Harness::new(KeyValue::new("bank").observe_key("balance"))
    ///     .always("balance is never negative", |seen| seen.integer("balance").is_none_or(|balance| balance >= 0))
    ///     .verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
    ///         let tx = bank.begin().await?;
    ///         if tx.put_if_absent(m.id(), "seen", None).await? {
    ///             tx.add("balance", -m.payload()).await?;
    ///         }
    ///         tx.commit().await
    ///     });
    /// assert_eq!(verdict.anomaly(), Some(Anomaly::Invariant));
    /// assert!(verdict.report("debit").contains("after m0#1.4 \"balance is never negative\" does not hold"));
    /// ```
    #[must_use]
    pub fn always(mut self, label: &str, holds: impl Fn(&Observation) -> bool + Send + Sync + 'static) -> Self {
        self.invariants.add(label, holds);
        self
    }

    /// The handler, or what it spawned, asks `tokio::time::Instant::now()`. Each of its steps counts as a look at the clock
    /// then: the clock is made to jump wherever it is left to itself otherwise, and more histories are searched.
    ///
    /// Not needed for what waits for a timer, reads a time to live of the store, or asks
    /// [`Delivery::now`](crate::Delivery::now): these looks are seen.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use redeliver_harness::{Delivery, Error, Harness, KeyValue, Verdict};
    /// use tokio::time::Instant;
    ///
    /// /// Drops what takes too long, after it has marked it.
    /// async fn credit(bank: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    ///     let began = Instant::now();
    ///     let tx = bank.begin().await?;
    ///     if tx.put_if_absent(m.id(), "seen", None).await? && began.elapsed() < Duration::from_secs(30) {
    ///         tx.add("balance", *m.payload()).await?;
    ///     }
    ///     tx.commit().await
    /// }
    ///
    /// let check = || Harness::new(KeyValue::new("bank").observe_key("balance"));
    /// assert!(matches!(check().verdict(1..1000i64, credit), Verdict::Holds(_)));
    /// assert!(matches!(check().reads_clock().verdict(1..1000i64, credit), Verdict::Violated(_)));
    /// ```
    #[must_use]
    pub fn reads_clock(mut self) -> Self {
        self.options.reads_clock = true;
        self
    }

    /// Every history with up to so many faults is searched; 2 by default. With 0 there are no random histories either. In
    /// [`check`](Harness::check) the variable `REDELIVER_FAULTS` overrides it.
    #[must_use]
    pub fn faults(mut self, faults: usize) -> Self {
        self.options.faults = faults;
        self
    }

    /// After that come so many random histories, each with up to 8 faults; 256 by default, 0 for none. In
    /// [`check`](Harness::check) the variable `REDELIVER_CASES` overrides it.
    ///
    /// They are as many as are drawn: some have a trace that was seen before. Their memory does not grow with their number.
    #[must_use]
    pub fn cases(mut self, cases: u64) -> Self {
        self.options.random.count = cases;
        self
    }

    /// The seed of the random histories; 0 by default, so that each run of a check draws the same ones. In
    /// [`check`](Harness::check) the variable `REDELIVER_SEED` overrides it. More histories of one seed begin with the same.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.random.seed = seed;
        self
    }

    /// A check that would hold does not if no fault of this kind ever acted: `overlap`, by the word that begins its line in a
    /// history. Then it is inconclusive, and so it is where there is no such kind. Call it for each kind that matters.
    ///
    /// ```
    /// use redeliver_harness::{Delivery, Error, Harness, KeyValue, Verdict};
    ///
    /// // Nothing expires here and nobody reads the clock, so that it is never advanced.
    /// let verdict = Harness::new(KeyValue::new("bank").observe_key("balance")).must_act("overlap").must_act("advance").verdict(
    ///     1..1000i64,
    ///     async |bank: &KeyValue, m: &Delivery<i64>| bank.put("balance", "100").await,
    /// );
    /// let Verdict::Inconclusive(why) = verdict else { panic!("it cannot hold") };
    /// assert!(why.reason.ends_with("nothing gave them a place: advance"), "{}", why.reason);
    /// ```
    #[must_use]
    pub fn must_act(mut self, fault: &str) -> Self {
        self.options.must_act.push(fault.to_owned());
        self
    }

    /// Workloads have at most so many messages; 2 by default, 1 to 5. Does nothing for
    /// [`Messages::exactly`](crate::Messages::exactly).
    #[must_use]
    pub fn messages(mut self, messages: usize) -> Self {
        self.options.set_messages(messages);
        self
    }

    /// How many processes there are; 2 by default, at least 1 and at most
    /// [`History::MAX_PROCESSES`](crate::History::MAX_PROCESSES).
    #[must_use]
    pub fn processes(mut self, processes: usize) -> Self {
        self.options.set_processes(processes);
        self
    }

    /// Instead of histories with a few faults, every execution of a bounded workload is searched: messages of which copies are
    /// dealt to processes in advance ([`DeliveryModel::dealt`]), in every order in which their steps can come, with every
    /// crash. Of executions that differ only in the order of what commutes, one is run.
    ///
    /// That no execution fails is then known of this workload, and of no other: nothing fails or loses a reply in it, and the
    /// clock moves only where nobody can go on. What is not controlled (background work, spawned tasks, timers, several
    /// things at once in one handler) makes the verdict inconclusive, by name, and so does a workload with more executions
    /// than [`Bounds::executions`]. It replaces `model`, `messages`, `processes`, `faults` and `cases`.
    ///
    /// ```
    /// use redeliver_harness::{Bounds, Delivery, Error, Harness, KeyValue, Verdict};
    ///
    /// let bank = || KeyValue::new("bank").observe_prefix("paid").observe_key("balance");
    /// let check = || Harness::new(bank()).complete(Bounds::default());
    /// let once = async |bank: &KeyValue, m: &Delivery<i64>| {
    ///     bank.put_if_absent(&format!("paid:{}", m.id()), "100", None).await.map(drop)
    /// };
    /// let Verdict::Holds(searched) = check().verdict(1..1000i64, once) else { panic!("it is one step") };
    /// assert_eq!(searched.complete.map(|complete| complete.executions), Some(28));
    ///
    /// let twice = async |bank: &KeyValue, m: &Delivery<i64>| {
    ///     if bank.get(m.id()).await?.is_none() {
    ///         bank.add("balance", *m.payload()).await?;
    ///         bank.put(m.id(), "seen").await?;
    ///     }
    ///     Ok::<(), Error>(())
    /// };
    /// let verdict = check().verdict(1..1000i64, twice);
    /// assert_eq!(verdict.anomaly().map(|anomaly| anomaly.name()), Some("twice"));
    /// ```
    #[must_use]
    pub fn complete(mut self, bounds: Bounds) -> Self {
        self.options.complete = Some(bounds);
        self
    }

    /// The name of the test, for reports and files; by default that of the thread that calls
    /// [`check`](Harness::check), which the test runner names after the test.
    #[must_use]
    pub fn named(mut self, test: &str) -> Self {
        self.options.name = Some(test.to_owned());
        self
    }

    /// The command that replays a counterexample, for reports; `{line}` stands for its line. By default the `cargo test`
    /// command of the test.
    #[must_use]
    pub fn replayed_by(mut self, command: &str) -> Self {
        self.options.command = Some(command.to_owned());
        self
    }

    /// Whether histories that cannot differ from one that was searched are left out; `true` by default. Only tests of the
    /// harness itself have a reason to say no.
    #[doc(hidden)]
    #[must_use]
    pub fn skips(mut self, skips: bool) -> Self {
        self.options.skips = skips;
        self
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// What is durable, and how a process starts.
    pub(crate) fn into_parts(self) -> (S, Boot<S, C>) {
        (self.store, self.boot)
    }
}
