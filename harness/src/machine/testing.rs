//! For tests only: a handler and a store driven through the real machine, without a `Harness` around them.

use std::{cell::RefCell, pin::Pin, rc::Rc};

use super::{
    Background, Call, Habits, Handlers, Machine, Plan, Turn, Work, quiet,
    trace::{Answer, Detail, Event, Replay},
};
use crate::{
    DeliveryModel, Error, IntoOutcome, Observation, Outcome, Process, Store,
    history::{Coordinate, DeliveryName, Fault},
};

/// One delivery, as a test's handler sees it.
pub(crate) struct Given {
    /// Which message: `m0` is 0.
    pub(crate) message: usize,
    pub(crate) attempt: u32,
}

type Boot<S, C> = Box<dyn Fn(<S as Store>::Handle) -> C>;

/// A store, how a process starts, and a handler.
pub(crate) struct Stage<S: Store, C, F> {
    pub(crate) store: S,
    boot: Boot<S, C>,
    handler: Rc<F>,
    processes: Vec<Option<Rc<C>>>,
    works: Vec<Background>,
    rounds: Vec<Round<C>>,
    model: DeliveryModel,
    keys: Vec<Option<&'static str>>,
}

type Round<C> = Box<dyn Fn(Rc<C>) -> Pin<Box<dyn Future<Output = ()>>>>;

impl<S: Store, F> Stage<S, S::Handle, F> {
    /// A process is the store's handle.
    pub(crate) fn new<O: IntoOutcome>(store: S, handler: F) -> Self
    where
        F: AsyncFn(&S::Handle, &Given) -> O + 'static,
    {
        Self::with_process(store, |handle| handle, handler)
    }
}

impl<S: Store, C: 'static, F> Stage<S, C, F> {
    pub(crate) fn with_process<O: IntoOutcome>(store: S, boot: impl Fn(S::Handle) -> C + 'static, handler: F) -> Self
    where
        F: AsyncFn(&C, &Given) -> O + 'static,
    {
        Self {
            store,
            boot: Box::new(boot),
            handler: Rc::new(handler),
            processes: Vec::new(),
            works: Vec::new(),
            rounds: Vec::new(),
            model: DeliveryModel::at_least_once(),
            keys: Vec::new(),
        }
    }

    /// Under this model instead of `at-least-once`, with messages of these ordering keys.
    pub(crate) fn under(mut self, model: DeliveryModel, keys: &[Option<&'static str>]) -> Self {
        self.model = model;
        self.keys = keys.to_vec();
        self
    }

    /// And each process does this once a second.
    pub(crate) fn every_second(mut self, label: &str, work: impl AsyncFn(&C) + 'static) -> Self {
        let (work, label) = (Rc::new(work), label.parse().expect("a label"));
        self.works.push(Background { label, period: std::time::Duration::from_secs(1) });
        self.rounds.push(Box::new(move |process| {
            let work = Rc::clone(&work);
            Box::pin(async move { (*work)(&process).await })
        }));
        self
    }

    fn running(&mut self, process: &Process) -> Result<Rc<C>, Error> {
        let at = process.index();
        if self.processes[at].is_none() {
            let handle = self.store.open(process)?;
            self.processes[at] = Some(Rc::new((self.boot)(handle)));
        }
        Ok(Rc::clone(self.processes[at].as_ref().expect("it was started just above")))
    }

    /// Replays a history of so many messages, in words.
    pub(crate) fn replay<O: IntoOutcome>(&mut self, messages: usize, faults: &[Fault]) -> Replay
    where
        F: AsyncFn(&C, &Given) -> O + 'static,
    {
        self.run(messages, faults, None).expect("a store of a test has no errors")
    }

    /// A reference run of these turns.
    pub(crate) fn reference<O: IntoOutcome>(&mut self, messages: usize, turns: &[Turn]) -> Replay
    where
        F: AsyncFn(&C, &Given) -> O + 'static,
    {
        self.run(messages, &[], Some(turns)).expect("a store of a test has no errors")
    }

    pub(crate) fn run<O: IntoOutcome>(
        &mut self,
        messages: usize,
        faults: &[Fault],
        turns: Option<&[Turn]>,
    ) -> Result<Replay, Error>
    where
        F: AsyncFn(&C, &Given) -> O + 'static,
    {
        let (rules, keys) = (self.model.rules(), self.keys.clone());
        self.processes = vec![None, None];
        let plan = Plan {
            rules,
            processes: 2,
            messages,
            keys: &keys,
            faults,
            turns,
            rests_between: false,
            works: &self.works.clone(),
            until: std::time::Duration::ZERO,
            copies_vary: false,
            habits: &Habits::default(),
            chooser: None,
        };
        Machine::on_this_thread(|machine| machine.replay(&plan, self, Detail::Words))
    }
}

impl<S, C, F, O> Handlers for Stage<S, C, F>
where
    S: Store,
    C: 'static,
    F: AsyncFn(&C, &Given) -> O + 'static,
    O: IntoOutcome,
{
    fn reset(&mut self) -> Result<(), Error> {
        self.store.reset()
    }

    fn start(&mut self, call: Call) -> Result<Work, Error> {
        let process = self.running(&call.process)?;
        let handler = Rc::clone(&self.handler);
        let given = Given { message: call.message, attempt: call.attempt };
        Ok(Box::pin(async move {
            match (*handler)(&process, &given).await.into_outcome() {
                Outcome::Done(_) => Answer::DONE,
                Outcome::Retry(why) => Answer::Retry(why),
                Outcome::Reject(why) => Answer::Reject(why),
            }
        }))
    }

    fn begin_round(&mut self, process: &Process, work: usize) -> Result<Work, Error> {
        let process = self.running(process)?;
        let round = (self.rounds[work])(process);
        Ok(Box::pin(async move {
            round.await;
            Answer::DONE
        }))
    }

    fn crash(&mut self, process: &Process) {
        let gone = self.processes[process.index()].take();
        quiet::swallow(|| drop(gone));
        self.store.crash(process);
    }

    fn observe(&mut self) -> Result<Observation, Error> {
        let mut seen = Observation::default();
        self.store.observe(&mut seen)?;
        Ok(seen)
    }

    fn finish(&mut self) {
        self.processes.clear();
    }
}

/// A log that handlers of a test write to.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// `m0#1`, the delivery.
pub(crate) fn delivery(message: usize, number: u32) -> DeliveryName {
    DeliveryName::new(message, number)
}

/// `m0#1.2`, the point.
pub(crate) fn at(message: usize, number: u32, operation: u32) -> Coordinate {
    delivery(message, number).operation(operation)
}

pub(crate) fn overlap(at: Coordinate) -> Fault {
    Fault::Overlap { at, to: None }
}

pub(crate) fn pause(at: Coordinate) -> Fault {
    Fault::Pause { at, until: None }
}

pub(crate) fn crash(at: Coordinate) -> Fault {
    Fault::Crash { at }
}

pub(crate) fn cancel(at: Coordinate) -> Fault {
    Fault::Cancel { at }
}

pub(crate) fn fail(at: Coordinate) -> Fault {
    Fault::Fail { at }
}

pub(crate) fn lose_reply(at: Coordinate) -> Fault {
    Fault::LoseReply { at }
}

pub(crate) fn advance(at: Coordinate, seconds: u64) -> Fault {
    Fault::Advance { at, by: std::time::Duration::from_secs(seconds) }
}

/// The points that were passed, in order: `m0#1.1`, …, `m0#1.ack`.
pub(crate) fn points(replay: &Replay) -> Vec<String> {
    replay.events.iter().filter_map(|event| Some(event.point()?.to_string())).collect()
}

/// What happened, a line each, as a test writes it down.
pub(crate) fn lines(replay: &Replay) -> Vec<String> {
    replay.events.iter().map(line).collect()
}

fn line(event: &Event) -> String {
    let words = |words: &Option<Box<super::trace::Words>>| {
        words.as_ref().map(|words| format!("{}: {}", words.what, words.result)).unwrap_or_default()
    };
    match event {
        Event::Delivered { delivery, process, origin } => {
            format!("p{} {delivery} delivered, {origin:?}", process.index())
        }
        Event::Step { at, words: said, .. } => format!("{at} {}", words(said)),
        Event::Blocked { at, words: said, .. } => format!("{at} blocked, {}", words(said)),
        Event::Returned { delivery, answer: Answer::Done(None), .. } => format!("{delivery} Done"),
        Event::Returned { delivery, answer, .. } => format!("{delivery} {answer:?}"),
        Event::Settled { delivery, how, .. } => format!("{delivery} {how:?}"),
        Event::Crashed { process, .. } => format!("p{} crashed", process.index()),
        Event::Cancelled { task, .. } => format!("{task} cancelled"),
        Event::RoundBegan { round, .. } => format!("{round} began"),
        Event::RoundEnded { round, panicked: None, .. } => format!("{round} ended"),
        Event::RoundEnded { round, panicked: Some(why), .. } => format!("{round} panicked, {why}"),
        Event::Clock { to } => format!("clock {}s", to.as_secs_f64()),
        Event::Skewed { process, skew } => format!("p{} clock {skew}", process.index()),
        Event::Forgot { store, loss, count } => format!("{store} forgot {loss} {count}"),
    }
}

/// The rows that are seen in the end, as `key=value`, and effects as `what detail times`.
pub(crate) fn rows(replay: &Replay) -> Vec<String> {
    let mut rows = Vec::new();
    for (_, seen) in replay.observation.parts() {
        match seen {
            crate::store::Seen::Rows(seen) => rows.extend(seen.rows.iter().map(|row| row.join("="))),
            crate::store::Seen::Value(value) => rows.push(value.clone()),
            crate::store::Seen::Performed(performed) => {
                let each = performed.effects().iter();
                rows.extend(each.map(|effect| format!("{} {} {}", effect.what, effect.detail, effect.by.len())));
            }
        }
    }
    rows
}

/// Why each fault that did not act did not.
pub(crate) fn unused(replay: &Replay) -> Vec<&'static str> {
    replay.unused.iter().map(|unused| unused.why).collect()
}
