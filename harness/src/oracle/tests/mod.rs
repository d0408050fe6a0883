//! The oracle's tests. Here is the bench: small handlers over one in-memory state, run by the real machine.
//!
//! The handlers are in `handlers`. A replay that no handler can make yet is written down by hand, in `script`.

mod contrasts;
mod evidence;
mod handlers;
mod judging;
mod limits;
mod models;
mod names;
mod outside;
mod records;
mod replies;
mod script;
mod supplies;
mod twins;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::Future,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use super::{Anomaly, Explanation, Judgement, Oracle};
use crate::{
    Contract, Delivery, DeliveryModel, Error, History, Message, Observation, Process,
    history::{Coordinate, DeliveryName, Fault, Payload, Published},
    machine::{
        Act, Call, Handlers, Machine, Operation, OperationTurn, Plan, Work, operate,
        trace::{Answer, Detail, Injected, Replay},
    },
    subject::{Job, Subject, Workload},
};

/// What is durable on the bench.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    balance: i64,
    value: i64,
    /// Marks and claims, with the time at which they end.
    marks: BTreeMap<String, Duration>,
    rows: Vec<String>,
}

/// One process's handle of it, and its own memory.
#[derive(Clone)]
struct Shop {
    process: Process,
    state: Rc<RefCell<State>>,
    memory: Rc<RefCell<BTreeSet<String>>>,
}

type Handler = Rc<dyn Fn(Shop, Delivery<i64>) -> Work>;

/// A handler on the bench.
struct Bench {
    handler: Handler,
    observe: fn(&State, &mut Observation),
    state: Rc<RefCell<State>>,
    keys: Option<&'static str>,
    /// How many reference runs were made.
    references: Cell<usize>,
}

struct Step<F> {
    state: Rc<RefCell<State>>,
    act: F,
}

impl<T, F: FnMut(&mut State) -> T> Operation for Step<F> {
    type Output = Result<T, String>;

    fn act(&mut self, turn: &mut OperationTurn) -> Act<Self::Output> {
        turn.facts.changes = true;
        turn.facts.suffered = turn.fault();
        let done = match turn.fault() {
            Some(Injected::Fail) => Err("disk full".to_owned()),
            Some(Injected::LoseReply) => {
                (self.act)(&mut self.state.borrow_mut());
                Err("connection lost".to_owned())
            }
            None => Ok((self.act)(&mut self.state.borrow_mut())),
        };
        Act::Done(done)
    }

    fn outside(&mut self) -> Self::Output {
        Err("outside a replay".to_owned())
    }
}

impl Shop {
    /// One step: everything in it happens at once.
    async fn step<T>(&self, act: impl FnMut(&mut State) -> T + Unpin) -> Result<T, String> {
        operate(self.process.clone(), Step { state: Rc::clone(&self.state), act }).await
    }
}

impl Bench {
    fn new<F: Future<Output = Answer> + 'static>(handler: impl Fn(Shop, Delivery<i64>) -> F + 'static) -> Self {
        Self {
            handler: Rc::new(move |shop, message| Box::pin(handler(shop, message))),
            observe: |state, seen| seen.set("balance", state.balance),
            state: Rc::default(),
            keys: None,
            references: Cell::new(0),
        }
    }

    fn observing(self, observe: fn(&State, &mut Observation)) -> Self {
        Self { observe, ..self }
    }

    /// Judges a history and, where it is violated, explains it.
    fn judge(&mut self, contract: Contract, history: &History) -> (Judgement, Option<Explanation>) {
        judge(self, &mut Oracle::new(contract), history)
    }

    /// What a history's violation is called, and whom it happens to.
    fn named(&mut self, history: &History) -> (Anomaly, Option<usize>) {
        let (judgement, explanation) = self.judge(Contract::strict(), history);
        assert_eq!(judgement, Judgement::Violated);
        let explanation = explanation.expect("a violation is explained");
        (explanation.anomaly, explanation.message)
    }

    fn assert_agrees(&mut self, history: &History) {
        assert_eq!(self.judge(Contract::strict(), history).0, Judgement::Agrees);
    }

    fn assert_violated(&mut self, history: &History) {
        assert_eq!(self.judge(Contract::strict(), history).0, Judgement::Violated);
    }
}

/// Replays a history, judges it and, where it is violated, explains it.
fn judge(subject: &mut dyn Subject, oracle: &mut Oracle, history: &History) -> (Judgement, Option<Explanation>) {
    let replay = subject.run(Job::Replay(history), Detail::Facts).expect("the bench has no errors");
    assert!(replay.unused.is_empty(), "a fault did not act: {:?}", replay.unused);
    let judgement = oracle.judge(subject, history, &replay).expect("the bench has no errors");
    let explanation = (judgement == Judgement::Violated).then(|| {
        let watched = subject.run(Job::Replay(history), Detail::Watched).expect("the bench has no errors");
        oracle.explain(subject, history, &watched).expect("the bench has no errors")
    });
    (judgement, explanation)
}

/// One replay on the bench.
struct Stage<'a> {
    bench: &'a Bench,
    messages: Vec<Arc<Message<i64>>>,
    memory: BTreeMap<usize, Rc<RefCell<BTreeSet<String>>>>,
}

impl Handlers for Stage<'_> {
    fn reset(&mut self) -> Result<(), Error> {
        *self.bench.state.borrow_mut() = State::default();
        Ok(())
    }

    fn start(&mut self, call: Call) -> Result<Work, Error> {
        let shop = Shop {
            state: Rc::clone(&self.bench.state),
            memory: Rc::clone(self.memory.entry(call.process.index()).or_default()),
            process: call.process.clone(),
        };
        let process = call.process;
        let message = Arc::clone(&self.messages[call.message]);
        Ok((self.bench.handler)(shop, Delivery::new(message, call.attempt, call.copy.0, call.supply, process)))
    }

    fn begin_round(&mut self, _process: &Process, _work: usize) -> Result<Work, Error> {
        unreachable!("the bench has no background work")
    }

    fn crash(&mut self, process: &Process) {
        self.memory.remove(&process.index());
    }

    fn observe(&mut self) -> Result<Observation, Error> {
        let mut seen = Observation::default();
        (self.bench.observe)(&self.bench.state.borrow(), &mut seen);
        Ok(seen)
    }

    fn finish(&mut self) {}
}

impl Subject for Bench {
    fn run(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error> {
        let history = job.history();
        let message = |(place, published): (usize, &Published)| {
            let Payload::Written(amount) = &published.payload else { panic!("the bench writes its payloads") };
            let id = published.id.clone().unwrap_or(format!("m{place}"));
            Arc::new(Message::new(id, amount.parse().expect("an amount")))
        };
        let mut messages: Vec<_> = history.messages.iter().enumerate().map(message).collect();
        let mut until = Duration::ZERO;
        let (faults, turns) = match job {
            Job::Replay(history) => (&history.faults[..], None),
            Job::Chosen(..) => return Err(Error::other("nobody chooses in tests of the oracle")),
            Job::Reference(_, reference) => {
                self.references.set(self.references.get() + 1);
                until = reference.until;
                for like in &reference.one_more_like {
                    let payload = messages[*like].payload;
                    messages
                        .push(Arc::new(Message::new(format!("{}~{}", messages[*like].id, messages.len()), payload)));
                }
                (&[][..], Some(&reference.turns[..]))
            }
        };
        let (rules, processes) = (history.model.rules(), history.processes);
        let listed = messages.clone();
        let keys: Vec<Option<&str>> = match (rules.orders_by_key(), turns) {
            (true, None) => listed.iter().map(|message| message.ordering_key.as_deref()).collect(),
            _ => Vec::new(),
        };
        let plan = Plan {
            rules,
            processes,
            messages: messages.len(),
            keys: &keys,
            faults,
            turns,
            rests_between: false,
            works: &[],
            until,
            copies_vary: false,
            habits: &crate::machine::Habits::default(),
            chooser: None,
        };
        let mut stage = Stage { bench: self, messages, memory: BTreeMap::new() };
        let mut replay = Machine::on_this_thread(|machine| machine.replay(&plan, &mut stage, detail))?;
        replay.observation = replay.observation.map_text(|text| {
            let named = text.split('~').enumerate().map(|(at, part)| match at {
                0 => part,
                _ => part.trim_start_matches(|c: char| c.is_ascii_digit()),
            });
            named.collect()
        });
        Ok(replay)
    }

    fn run_elsewhere(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error> {
        self.run(job, detail)
    }

    fn payload(&mut self, published: &Published, _place: usize) -> Result<String, Error> {
        Ok(format!("{:?}", published.payload))
    }

    fn ordering_key(&mut self, published: &Published, _place: usize) -> Result<Option<String>, Error> {
        Ok(published.ordering_key.clone().or(self.keys.map(str::to_owned)))
    }

    fn workloads(&self, _at_most: usize) -> Vec<Workload> {
        Vec::new()
    }

    fn simpler(&self, _published: &Published) -> Vec<Published> {
        Vec::new()
    }
}

/// Messages with these amounts, and faults.
fn history(amounts: &[i64], faults: impl IntoIterator<Item = Fault>) -> History {
    let published =
        |amount: &i64| Published { id: None, ordering_key: None, payload: Payload::Written(amount.to_string()) };
    History {
        model: DeliveryModel::at_least_once(),
        processes: 2,
        messages: amounts.iter().map(published).collect(),
        faults: faults.into_iter().collect(),
    }
}

/// `at(0, 1, 2)` is `m0#1.2`.
fn at(message: usize, number: u32, operation: u32) -> Coordinate {
    DeliveryName::new(message, number).operation(operation)
}

fn crash(at: Coordinate) -> Fault {
    Fault::Crash { at }
}

fn lose_ack(message: usize, number: u32) -> Fault {
    Fault::LoseAck { delivery: DeliveryName::new(message, number) }
}

fn overlap(at: Coordinate) -> Fault {
    Fault::Overlap { at, to: None }
}

fn pause(at: Coordinate) -> Fault {
    Fault::Pause { at, until: None }
}

fn advance(at: Coordinate, seconds: u64) -> Fault {
    Fault::Advance { at, by: Duration::from_secs(seconds) }
}

fn defer(message: usize, past: usize) -> Fault {
    Fault::Defer { what: crate::history::Deferred::Message(message), past }
}
