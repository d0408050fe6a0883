//! Traces made by hand, event by event, and the screens made from them.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    Anomaly, DeliveryModel, History, Searched,
    history::{Coordinate, DeliveryName, Fault, Payload, Published},
    machine::trace::{
        Acted, Answer, End, Event, Facts, Fate, Injected, Origin, Replay, Settlement, Supplied, Unused, Words,
    },
    oracle::{AsIf, Explanation},
    report::Screen,
    store::{Observation, Process},
};

const CHECK: &str = "SELECT count(*) FROM seen WHERE id = 'm0'";
pub(super) const APPLY: &str = "UPDATE account SET balance = balance + 100";
pub(super) const MARK: &str = "INSERT INTO seen VALUES ('m0')";

/// A history and the trace of its replay, as they grow.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) history: History,
    pub(super) replay: Replay,
    pub(super) searched: Searched,
    pub(super) needed: Vec<usize>,
    pub(super) proven: bool,
    processes: BTreeMap<DeliveryName, Process>,
    operations: BTreeMap<DeliveryName, u32>,
    incarnations: BTreeMap<usize, u32>,
    now: Duration,
}

/// `m0#1`.
pub(super) fn name(message: usize, number: u32) -> DeliveryName {
    DeliveryName::new(message, number)
}

/// `m0#1.2`.
pub(super) fn at(message: usize, number: u32, operation: u32) -> Coordinate {
    name(message, number).operation(operation)
}

/// One row of one column.
pub(super) fn balance(amount: i64) -> Observation {
    let mut seen = Observation::default();
    seen.rows("SELECT balance FROM account", vec!["balance".to_owned()], vec![vec![amount.to_string()]], false);
    seen
}

/// What is wrong with a message, with a balance that should be another.
pub(super) fn wrong(
    anomaly: Anomaly,
    message: usize,
    balances: (i64, i64),
    order: &[usize],
    as_if: Option<AsIf>,
) -> Explanation {
    Explanation {
        anomaly,
        message: Some(message),
        expected: Some((balance(balances.0), order.to_vec())),
        observed: balance(balances.1),
        as_if,
    }
}

/// The explanation of the design's example.
pub(super) fn twice() -> Explanation {
    wrong(Anomaly::Twice, 0, (100, 200), &[0], Some(AsIf::OneMoreLike(0)))
}

impl Made {
    pub(super) fn new(messages: usize) -> Self {
        let published = Published { id: None, ordering_key: None, payload: Payload::Written("100".to_owned()) };
        Self {
            history: History {
                model: DeliveryModel::at_least_once(),
                processes: 2,
                messages: vec![published; messages],
                faults: Vec::new(),
            },
            replay: Replay {
                state: Observation::default(),
                broken: None,
                events: Vec::new(),
                acted: Vec::new(),
                unused: Vec::new(),
                fates: vec![Fate::default(); messages],
                observation: Observation::default(),
                end: End::Drained,
                key: 0,
                standing: 0,
                waited_elsewhere: false,
                periods: Vec::new(),
                lulls: Vec::new(),
                losses: std::sync::Arc::default(),
            },
            searched: Searched { faults: 0, histories: vec![1, 6], ..Searched::default() },
            needed: vec![0],
            proven: true,
            processes: BTreeMap::new(),
            operations: BTreeMap::new(),
            incarnations: BTreeMap::new(),
            now: Duration::ZERO,
        }
    }

    /// This fault acts here.
    pub(super) fn fault(&mut self, fault: Fault) -> &mut Self {
        self.replay.acted.push(Acted { fault: self.history.faults.len(), position: self.replay.events.len() });
        self.history.faults.push(fault);
        self
    }

    /// This fault never acts.
    pub(super) fn unused(&mut self, fault: Fault, why: &'static str) -> &mut Self {
        self.replay.unused.push(Unused { fault: self.history.faults.len(), why });
        self.history.faults.push(fault);
        self
    }

    pub(super) fn deliver(&mut self, delivery: DeliveryName, process: usize, origin: Origin) -> &mut Self {
        let process = Process::new(process, self.incarnations.get(&process).copied().unwrap_or(0));
        self.processes.insert(delivery, process.clone());
        let fate = &mut self.replay.fates[delivery.message];
        fate.first_delivered.get_or_insert(self.replay.events.len());
        fate.supplied.push(Supplied::default());
        self.push(Event::Delivered { delivery, process, origin })
    }

    /// The next operation of a delivery acts. What it read or changed is said after it.
    pub(super) fn step(&mut self, delivery: DeliveryName, what: &str, result: &str) -> &mut Self {
        let number = self.operations.entry(delivery).or_default();
        *number += 1;
        let at = delivery.operation(*number);
        let words = Words { what: what.to_owned(), result: result.to_owned(), ..Words::default() };
        let process = self.processes[&delivery].clone();
        self.push(Event::Step { at, process, facts: Facts::default(), words: Some(Box::new(words)) })
    }

    /// Of a handler that checks, applies and marks in three steps: the first.
    pub(super) fn checks(&mut self, delivery: DeliveryName, found: &str) -> &mut Self {
        self.step(delivery, CHECK, found).reads("seen")
    }

    /// The second.
    pub(super) fn applies(&mut self, delivery: DeliveryName) -> &mut Self {
        self.step(delivery, APPLY, "1 row").reads("account").writes("account").seen()
    }

    /// The third.
    pub(super) fn marks(&mut self, delivery: DeliveryName) -> &mut Self {
        self.step(delivery, MARK, "1 row").writes("seen")
    }

    pub(super) fn reads(&mut self, name: &str) -> &mut Self {
        self.last_step(|_, words| words.reads.push(name.to_owned()))
    }

    pub(super) fn writes(&mut self, name: &str) -> &mut Self {
        self.last_step(|facts, words| {
            facts.changes = true;
            words.writes.push(name.to_owned());
        })
    }

    /// Written in a transaction: nobody sees it yet.
    pub(super) fn pending(&mut self, name: &str) -> &mut Self {
        self.last_step(|_, words| words.writes.push(name.to_owned()))
    }

    /// A transaction is committed, and what it wrote is observed.
    pub(super) fn commits(&mut self, delivery: DeliveryName) -> &mut Self {
        self.step(delivery, "COMMIT", "").last_step(|facts, _| facts.changes = true).seen()
    }

    /// What was written last is observed.
    pub(super) fn seen(&mut self) -> &mut Self {
        self.last_step(|facts, _| facts.observed_change = true)
    }

    pub(super) fn gave_up(&mut self) -> &mut Self {
        self.last_step(|facts, _| facts.gave_up = true)
    }

    /// The next operation of a delivery suffers a fault.
    pub(super) fn broken(&mut self, delivery: DeliveryName, what: &str, result: &str, how: Injected) -> &mut Self {
        let at = delivery.operation(self.operations.get(&delivery).copied().unwrap_or(0) + 1);
        self.fault(match how {
            Injected::Fail => Fault::Fail { at },
            Injected::LoseReply => Fault::LoseReply { at },
        });
        self.step(delivery, what, result).last_step(|facts, _| facts.suffered = Some(how))
    }

    pub(super) fn blocked(&mut self, delivery: DeliveryName, what: &str) -> &mut Self {
        let at = delivery.operation(self.operations.get(&delivery).copied().unwrap_or(0) + 1);
        let words = Words { what: what.to_owned(), ..Words::default() };
        let process = self.processes[&delivery].clone();
        self.push(Event::Blocked { at, process, until: Duration::from_secs(5), words: Some(Box::new(words)) })
    }

    pub(super) fn returns(&mut self, delivery: DeliveryName, answer: Answer) -> &mut Self {
        let process = self.processes[&delivery].clone();
        let done = answer.is_done();
        self.push(Event::Returned { delivery, process, answer });
        if done {
            let position = self.replay.events.len();
            self.replay.fates[delivery.message].handled.get_or_insert(position);
        }
        self
    }

    pub(super) fn settles(&mut self, delivery: DeliveryName, how: Settlement) -> &mut Self {
        let process = self.processes[&delivery].clone();
        self.push(Event::Settled { delivery, process, how })
    }

    pub(super) fn done(&mut self, delivery: DeliveryName) -> &mut Self {
        self.returns(delivery, Answer::DONE).settles(delivery, Settlement::Acked)
    }

    pub(super) fn retries(&mut self, delivery: DeliveryName, why: &str) -> &mut Self {
        self.returns(delivery, Answer::Retry(why.to_owned())).settles(delivery, Settlement::Nacked)
    }

    pub(super) fn ack_lost(&mut self, delivery: DeliveryName) -> &mut Self {
        self.returns(delivery, Answer::DONE).fault(Fault::LoseAck { delivery }).settles(delivery, Settlement::AckLost)
    }

    pub(super) fn overlap(&mut self, at: Coordinate, next: DeliveryName) -> &mut Self {
        self.fault(Fault::Overlap { at, to: None }).deliver(next, 1, Origin::Overlap)
    }

    /// The process dies with these deliveries, the first at its next operation or its ack.
    pub(super) fn crash(&mut self, at: Coordinate, others: &[DeliveryName]) -> &mut Self {
        let process = self.processes[&at.delivery().expect("a point of a delivery")].clone();
        *self.incarnations.entry(process.index()).or_default() += 1;
        let lost = std::iter::once(at.task).chain(others.iter().map(|other| (*other).into())).collect();
        self.fault(Fault::Crash { at }).push(Event::Crashed { process, lost })
    }

    pub(super) fn advance(&mut self, at: Coordinate, by: Duration) -> &mut Self {
        self.fault(Fault::Advance { at, by }).later(by)
    }

    /// The clock moves.
    pub(super) fn later(&mut self, by: Duration) -> &mut Self {
        self.now += by;
        self.push(Event::Clock { to: self.now })
    }

    pub(super) fn trace(&self) -> String {
        crate::report::steps::trace(&self.history, &self.replay)
    }

    pub(super) fn screen(&self, explanation: &Explanation) -> String {
        let payloads: Vec<String> =
            (0..self.history.messages.len()).map(|at| (100 * 3_i64.pow(at as u32)).to_string()).collect();
        let screen = Screen {
            test: "credit_is_idempotent",
            history: &self.history,
            payloads: &payloads,
            replay: &self.replay,
            explanation,
            proven: self.proven,
            needed: &self.needed,
            searched: &self.searched,
            replay_command: "REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact",
        };
        screen.render()
    }

    fn push(&mut self, event: Event) -> &mut Self {
        self.replay.events.push(event);
        self
    }

    fn last_step(&mut self, change: impl FnOnce(&mut Facts, &mut Words)) -> &mut Self {
        match self.replay.events.last_mut() {
            Some(Event::Step { facts, words: Some(words), .. }) => change(facts, words),
            other => panic!("a step with words was to come last, not {other:?}"),
        }
        self
    }
}
