//! The typed side of a check: a store, how a process starts, a handler, and where messages come from.
//!
//! Everything else sees it as a [`Subject`].

use std::{any::TypeId, collections::BTreeMap, fmt, pin::Pin, rc::Rc, sync::Arc, thread, time::Duration};

use crate::{
    Delivery, Error, History, IntoOutcome, Message, Outcome, Store,
    contract::Recalled,
    history::{Label, Loss, Published},
    invariants::Invariants,
    machine::{
        Background, Call, Habits, Handlers, Machine, Plan, Work, quiet,
        trace::{Answer, Detail, Replay, Reply},
    },
    messages::{Contrasts, Messages, Vary},
    store::{Observation, Process},
    subject::{Job, Subject, Workload},
};

/// How a process starts: from the handles of what is durable.
pub(crate) struct Boot<S: Store, C> {
    start: Start<S, C>,
    /// What it does beside handling messages.
    works: Vec<(Background, Round<C>)>,
    /// It has a memory of its own, and not only these handles.
    remembers: bool,
}

/// A round of background work, of a process of this type.
type Round<C> = Box<dyn Fn(Rc<C>) -> Pin<Box<dyn Future<Output = ()>>> + Send + Sync>;

type Start<S, C> = Box<dyn Fn(<S as Store>::Handle) -> C + Send + Sync>;

impl<S: Store> Boot<S, S::Handle> {
    /// A process that is its handles.
    pub(crate) fn handles() -> Self {
        Self { start: Box::new(|handle| handle), works: Vec::new(), remembers: false }
    }
}

impl<S: Store, C> Boot<S, C> {
    /// A process that is made so, and may keep whatever it likes in memory.
    pub(crate) fn with(start: impl Fn(S::Handle) -> C + Send + Sync + 'static) -> Self {
        Self { start: Box::new(start), works: Vec::new(), remembers: true }
    }
}

impl<S: Store, C: 'static> Boot<S, C> {
    /// And it does this work every so often. Whether there was none of that name.
    pub(crate) fn every<W>(&mut self, background: Background, work: W) -> bool
    where
        W: AsyncFn(&C) + Send + Sync + 'static,
    {
        if self.works.iter().any(|(other, _)| other.label == background.label) {
            return false;
        }
        let work = Arc::new(work);
        let round = move |process: Rc<C>| -> Pin<Box<dyn Future<Output = ()>>> {
            let work = Arc::clone(&work);
            Box::pin(async move { (*work)(&process).await })
        };
        self.works.push((background, Box::new(round)));
        true
    }

    pub(crate) fn has_no_works(&self) -> bool {
        self.works.is_empty()
    }

    /// The same process, with its work, beside what another store gives out: as the first half of a larger one.
    pub(crate) fn beside<T, H>(self: &Arc<Self>) -> Boot<T, (Rc<C>, H)>
    where
        S: 'static,
        T: Store<Handle = (S::Handle, H)>,
        H: 'static,
    {
        let whole = Arc::clone(self);
        let start = move |(handle, other)| (Rc::new((whole.start)(handle)), other);
        let round = |at: usize| -> Round<(Rc<C>, H)> {
            let whole = Arc::clone(self);
            Box::new(move |process| (whole.works[at].1)(Rc::clone(&process.0)))
        };
        let works = self.works().into_iter().enumerate().map(|(at, background)| (background, round(at))).collect();
        Boot { start: Box::new(start), works, remembers: self.remembers }
    }

    fn works(&self) -> Vec<Background> {
        self.works.iter().map(|(background, _)| *background).collect()
    }
}

/// A check's typed parts.
pub(crate) struct World<S: Store, C, P, F> {
    source: Messages<P>,
    contrasts: Contrasts,
    body: Body<S, C, P, F>,
}

/// The part that can go to another thread.
struct Body<S: Store, C, P, F> {
    store: S,
    boot: Boot<S, C>,
    handler: Arc<F>,
    vary: Option<Vary<P>>,
    made: BTreeMap<(usize, Published), Arc<Message<P>>>,
    /// The messages of the last workloads, and which of them is that of the last history: mostly the next one has the same.
    workloads: Vec<Made<P>>,
    last: usize,
    habits: Habits,
    invariants: Invariants,
    /// The handler looks at a clock where nobody sees it.
    looks_unseen: bool,
    /// The parts of what is observed that are the handler's own: they are counted, and not compared.
    state: Vec<Arc<str>>,
    recalls: Recalled,
    /// What the stores can lose.
    losses: Arc<[(Label, Loss)]>,
}

/// What a reply says, if that is wanted and it says anything.
fn said<R: fmt::Debug + 'static>(reply: &R, wanted: bool) -> Reply {
    (wanted && TypeId::of::<R>() != TypeId::of::<()>()).then(|| format!("{reply:?}").into())
}

/// The messages of one workload, as a history names them and as they are.
type Made<P> = (Vec<Published>, Vec<Arc<Message<P>>>);

/// So many workloads are kept at most; then all are forgotten, and their messages too, so that memory stays flat.
const MOST_WORKLOADS_KEPT: usize = 64;

/// One replay's processes. They never leave their thread.
struct Stage<'a, S: Store, C, P, F> {
    store: &'a mut S,
    boot: &'a Boot<S, C>,
    handler: &'a Arc<F>,
    vary: Option<&'a Vary<P>>,
    messages: Vec<Arc<Message<P>>>,
    processes: Vec<Option<Rc<C>>>,
    invariants: &'a Invariants,
    looks_unseen: bool,
    state: &'a [Arc<str>],
    recalls: Recalled,
    losses: &'a Arc<[(Label, Loss)]>,
    /// What was there of it when somebody last looked.
    kept: Observation,
}

impl<S: Store, C, P, F> World<S, C, P, F> {
    pub(crate) fn new(store: S, boot: Boot<S, C>, source: Messages<P>, handler: F) -> Self {
        let vary = source.varies();
        let losses = store.losses().into();
        Self {
            source,
            contrasts: Contrasts::default(),
            body: Body {
                store,
                boot,
                handler: Arc::new(handler),
                vary,
                made: BTreeMap::new(),
                workloads: Vec::new(),
                last: 0,
                habits: Habits::default(),
                invariants: Invariants::default(),
                looks_unseen: false,
                state: Vec::new(),
                recalls: Recalled::default(),
                losses,
            },
        }
    }

    /// The same, where workloads have such messages too.
    pub(crate) fn contrasting(mut self, contrasts: Contrasts) -> Self {
        self.contrasts = contrasts;
        self
    }

    /// The same, where these parts of what is observed are counted and not compared.
    pub(crate) fn keeping(mut self, state: Vec<Arc<str>>) -> Self {
        self.body.state = state;
        self
    }

    /// The same, where a verdict depends on when and how deliveries ended.
    pub(crate) fn recalling(mut self, recalls: Recalled) -> Self {
        self.body.recalls = recalls;
        self
    }

    /// The same, where the handler may look at a clock where nobody sees it.
    pub(crate) fn looking_unseen(mut self, looks: bool) -> Self {
        self.body.looks_unseen = looks;
        self
    }

    /// The same, where these are to hold after every step.
    pub(crate) fn holding(mut self, invariants: Invariants) -> Self {
        self.body.invariants = invariants;
        self
    }
}

impl<S, C, P, F, O> World<S, C, P, F>
where
    S: Store,
    C: 'static,
    P: Clone + fmt::Debug + Send + Sync + 'static,
    F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
    O: IntoOutcome,
{
    /// Makes every message of a history that was not made before.
    fn make(&mut self, history: &History) -> Result<(), Error> {
        let is_it = |made: &Made<P>| made.0 == history.messages;
        if self.body.workloads.get(self.body.last).is_some_and(is_it) {
            return Ok(());
        }
        if let Some(known) = self.body.workloads.iter().position(is_it) {
            self.body.last = known;
            return Ok(());
        }
        if self.body.workloads.len() >= MOST_WORKLOADS_KEPT {
            self.body.workloads.clear();
            self.body.made.clear();
        }
        let made = history.messages.iter().enumerate().map(|(place, published)| self.message(published, place));
        let made = made.collect::<Result<_, _>>()?;
        self.body.workloads.push((history.messages.clone(), made));
        self.body.last = self.body.workloads.len() - 1;
        Ok(())
    }

    fn message(&mut self, published: &Published, place: usize) -> Result<Arc<Message<P>>, Error> {
        let key = (place, published.clone());
        if let Some(made) = self.body.made.get(&key) {
            return Ok(Arc::clone(made));
        }
        let message = Arc::new(self.source.message(published, place)?);
        self.body.made.insert(key, Arc::clone(&message));
        Ok(message)
    }
}

impl<S, C, P, F, O> Body<S, C, P, F>
where
    S: Store,
    C: 'static,
    P: Clone + fmt::Debug + Send + Sync + 'static,
    F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
    O: IntoOutcome,
{
    fn run(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error> {
        let history = job.history();
        let (published, made) = &self.workloads[self.last];
        debug_assert_eq!(*published, history.messages, "messages are made before they are delivered");
        let mut messages = made.clone();
        let mut aliases: Vec<(String, String)> = Vec::new();
        let mut until = Duration::ZERO;
        let works = self.boot.works();
        let mut rests_between = false;
        let mut chooser = None;
        let (faults, turns) = match job {
            Job::Replay(history) => (&history.faults[..], None),
            Job::Chosen(_, chosen) => {
                chooser = Some(chosen);
                (&[][..], None)
            }
            Job::Reference(_, reference) => {
                until = reference.until;
                rests_between = reference.rests_between;
                for like in &reference.one_more_like {
                    let original = &messages[*like];
                    let fresh = format!("{}~again{}~", original.id, aliases.len() + 1);
                    aliases.push((fresh.clone(), original.id.clone()));
                    messages.push(Arc::new(Message { id: fresh, ..Message::clone(original) }));
                }
                (&[][..], Some(&reference.turns[..]))
            }
        };
        let rules = history.model.rules();
        let keys: Vec<Option<&str>> = match (rules.orders_by_key(), turns) {
            (true, None) => made.iter().map(|message| message.ordering_key.as_deref()).collect(),
            _ => Vec::new(),
        };
        let plan = Plan {
            rules,
            processes: history.processes,
            messages: messages.len(),
            keys: &keys,
            faults,
            turns,
            rests_between,
            works: &works,
            until,
            copies_vary: self.vary.is_some(),
            habits: &self.habits,
            chooser,
        };
        let mut stage = Stage {
            store: &mut self.store,
            boot: &self.boot,
            handler: &self.handler,
            vary: self.vary.as_ref(),
            messages,
            processes: (0..history.processes).map(|_| None).collect(),
            invariants: &self.invariants,
            looks_unseen: self.looks_unseen,
            state: &self.state,
            recalls: self.recalls,
            losses: &self.losses,
            kept: Observation::default(),
        };
        let mut replay = Machine::on_this_thread(|machine| machine.replay(&plan, &mut stage, detail))?;
        replay.state = stage.kept;
        if !aliases.is_empty() {
            let as_the_other = |text: &str| {
                aliases.iter().fold(text.to_owned(), |text, (fresh, original)| text.replace(fresh, original))
            };
            replay.observation = replay.observation.map_text(as_the_other);
        }
        Ok(replay)
    }
}

impl<S: Store, C, P, F> Stage<'_, S, C, P, F> {
    /// The process, which is started if it does not run.
    fn running(&mut self, process: &Process) -> Result<Rc<C>, Error> {
        let at = process.index();
        if let Some(running) = &self.processes[at] {
            return Ok(Rc::clone(running));
        }
        let started = Rc::new((self.boot.start)(self.store.open(process)?));
        self.processes[at] = Some(Rc::clone(&started));
        Ok(started)
    }

    fn observe_all(&mut self) -> Result<Observation, Error> {
        let mut seen = Observation::default();
        self.store.observe(&mut seen)?;
        Ok(seen)
    }
}

impl<S, C, P, F, O> Handlers for Stage<'_, S, C, P, F>
where
    S: Store,
    C: 'static,
    P: Clone + fmt::Debug + Send + Sync + 'static,
    F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
    O: IntoOutcome,
{
    fn reset(&mut self) -> Result<(), Error> {
        self.store.reset()
    }

    fn start(&mut self, call: Call) -> Result<Work, Error> {
        let process = self.running(&call.process)?;
        let handler = Arc::clone(self.handler);
        let mut message = Arc::clone(&self.messages[call.message]);
        if let Some(vary) = self.vary.filter(|_| call.variant > 0) {
            vary(Arc::make_mut(&mut message), call.variant + 1);
        }
        let delivery = Delivery::new(message, call.attempt, call.copy.0, call.supply, call.process);
        let wants_reply = call.wants_reply;
        Ok(Box::pin(async move {
            match (*handler)(&process, &delivery).await.into_outcome() {
                Outcome::Done(reply) => Answer::Done(said(&reply, wants_reply)),
                Outcome::Retry(why) => Answer::Retry(why),
                Outcome::Reject(why) => Answer::Reject(why),
            }
        }))
    }

    fn begin_round(&mut self, process: &Process, work: usize) -> Result<Work, Error> {
        let process = self.running(process)?;
        let round = (self.boot.works[work].1)(process);
        Ok(Box::pin(async move {
            round.await;
            Answer::DONE
        }))
    }

    fn crash(&mut self, process: &Process) {
        // It may panic in dropping; what it left open is to be undone all the same.
        let gone = self.processes[process.index()].take();
        quiet::swallow(|| drop(gone));
        self.store.crash(process);
    }

    fn observe(&mut self) -> Result<Observation, Error> {
        let mut seen = self.observe_all()?;
        self.kept = seen.take_out(self.state);
        Ok(seen)
    }

    fn recalls(&self) -> Recalled {
        self.recalls
    }

    fn losses(&self) -> Arc<[(Label, Loss)]> {
        Arc::clone(self.losses)
    }

    fn forget(&mut self, store: Label, loss: Loss, count: u32) -> bool {
        self.store.forget(store, loss, count)
    }

    fn look_unseen(&self) -> bool {
        self.looks_unseen
    }

    fn has_invariants(&self) -> bool {
        !self.invariants.is_empty()
    }

    fn broken(&mut self) -> Result<Option<(Arc<str>, Observation)>, Error> {
        let seen = self.observe_all()?;
        Ok(self.invariants.broken(&seen)?.map(|label| (label, seen)))
    }

    fn digest(&mut self) -> Result<Option<u64>, Error> {
        // What a process has in memory by now is its own affair.
        if self.boot.remembers && self.processes.iter().any(Option::is_some) {
            return Ok(None);
        }
        self.store.digest()
    }

    fn finish(&mut self) {
        self.processes.clear();
    }
}

impl<S, C, P, F, O> Subject for World<S, C, P, F>
where
    S: Store,
    C: 'static,
    P: Clone + fmt::Debug + Send + Sync + 'static,
    F: AsyncFn(&C, &Delivery<P>) -> O + Send + Sync + 'static,
    O: IntoOutcome,
{
    fn run(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error> {
        self.make(job.history())?;
        self.body.run(job, detail)
    }

    fn run_elsewhere(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error> {
        self.make(job.history())?;
        let body = &mut self.body;
        thread::scope(|scope| scope.spawn(|| body.run(job, detail)).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn payload(&mut self, published: &Published, place: usize) -> Result<String, Error> {
        Ok(format!("{:?}", self.message(published, place)?.payload))
    }

    fn id(&mut self, published: &Published, place: usize) -> Result<String, Error> {
        Ok(self.message(published, place)?.id.clone())
    }

    fn ordering_key(&mut self, published: &Published, place: usize) -> Result<Option<String>, Error> {
        Ok(self.message(published, place)?.ordering_key.clone())
    }

    fn asks_for_keys(&self) -> bool {
        self.body.habits.asks_for_keys.get()
    }

    fn has_background(&self) -> bool {
        !self.body.boot.works.is_empty() || self.body.habits.waits_elsewhere.get()
    }

    fn remembers(&self) -> bool {
        self.body.boot.remembers
    }

    fn tells_footprints(&self) -> bool {
        self.body.store.tells_footprints()
    }

    fn workloads(&self, at_most: usize) -> Vec<Workload> {
        let mut workloads = self.source.workloads(at_most);
        workloads.extend(self.source.contrasting(at_most, self.contrasts));
        workloads
    }

    fn drawn(&self, count: usize, draw: &mut dyn FnMut() -> u32) -> Vec<Published> {
        self.source.drawn(count, draw)
    }

    fn many(&self, count: usize) -> Vec<Published> {
        self.source.many(count)
    }

    fn simpler(&self, published: &Published) -> Vec<Published> {
        self.source.simpler(published)
    }
}
