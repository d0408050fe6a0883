//! Replays written down by hand, for what no handler on the bench can bring about: a handler's own acknowledgement, a model
//! that blocks, many messages at once.

use std::collections::BTreeMap;

use super::{Anomaly, Judgement, Oracle, history};
use crate::{
    Contract, Error, History, Observation, Process,
    history::{DeliveryName, Published},
    machine::trace::{Answer, Detail, End, Event, Facts, Fate, Origin, Replay, Settlement, Supplied},
    subject::{Job, Reference, Subject, Workload},
};

/// A replay, and what reference runs leave.
pub(super) struct Script {
    pub(super) history: History,
    pub(super) replay: Replay,
    pub(super) leaves: fn(&Reference) -> i64,
    pub(super) endless: bool,
    pub(super) background: bool,
    pub(super) asked: Vec<Reference>,
}

impl Script {
    /// So many messages, all handled, each delivered before any was handled; `balance` is seen.
    pub(super) fn unordered(messages: usize, balance: i64) -> Self {
        let fate = |place| Fate {
            first_delivered: Some(place),
            handled: Some(messages + place + 1),
            supplied: vec![Supplied { seed: (place as u64) << 32 | 1, ..Supplied::default() }],
            ..Fate::default()
        };
        Self {
            history: history(&vec![100; messages], []),
            replay: Replay {
                state: Observation::default(),
                broken: None,
                events: Vec::new(),
                acted: Vec::new(),
                unused: Vec::new(),
                fates: (0..messages).map(fate).collect(),
                observation: see(balance),
                end: End::Drained,
                key: 0,
                standing: 0,
                waited_elsewhere: false,
                periods: Vec::new(),
                lulls: Vec::new(),
                losses: std::sync::Arc::default(),
            },
            leaves: |reference| 100 * reference.turns.len() as i64,
            endless: false,
            background: false,
            asked: Vec::new(),
        }
    }

    pub(super) fn judged(&mut self, contract: Contract) -> Judgement {
        let (history, replay) = (self.history.clone(), self.replay.clone());
        Oracle::new(contract).judge(self, &history, &replay).expect("a script has no errors")
    }

    /// What it is called once it was judged to be violated.
    pub(super) fn explained(&mut self) -> (Anomaly, Option<usize>) {
        assert_eq!(self.judged(Contract::strict()), Judgement::Violated);
        let (history, replay) = (self.history.clone(), self.replay.clone());
        let explained = Oracle::new(Contract::strict()).explain(self, &history, &replay);
        explained.map(|explained| (explained.anomaly, explained.message)).expect("a script has no errors")
    }
}

fn see(balance: i64) -> Observation {
    let mut seen = Observation::default();
    seen.set("balance", balance);
    seen
}

impl Subject for Script {
    fn run(&mut self, job: Job<'_>, _detail: Detail) -> Result<Replay, Error> {
        let Job::Reference(_, reference) = job else { return Ok(self.replay.clone()) };
        self.asked.push(reference.clone());
        let places = self.history.messages.len() + reference.one_more_like.len();
        let mut fates: BTreeMap<usize, Fate> = (0..places).map(|place| (place, Fate::default())).collect();
        for turn in &reference.turns {
            let fate = fates.entry(turn.message).or_default();
            fate.handled = Some(1);
            // In a run it uses what it was supplied with if it did in the history.
            if let Some(fate_then) = self.replay.fates.get(turn.message) {
                fate.supplied = fate_then.supplied.first().copied().into_iter().collect();
            }
        }
        let end = if self.endless { End::Inconclusive("m0#1 never ends".to_owned()) } else { End::Drained };
        let observation = see((self.leaves)(reference));
        let fates = fates.into_values().collect();
        Ok(Replay {
            state: Observation::default(),
            broken: None,
            events: Vec::new(),
            acted: Vec::new(),
            unused: Vec::new(),
            fates,
            observation,
            end,
            key: 0,
            standing: 0,
            waited_elsewhere: false,
            periods: Vec::new(),
            lulls: Vec::new(),
            losses: std::sync::Arc::default(),
        })
    }

    fn run_elsewhere(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error> {
        self.run(job, detail)
    }

    fn payload(&mut self, _published: &Published, _place: usize) -> Result<String, Error> {
        Ok("100".to_owned())
    }

    fn workloads(&self, _at_most: usize) -> Vec<Workload> {
        Vec::new()
    }

    fn has_background(&self) -> bool {
        self.background
    }

    fn many(&self, count: usize) -> Vec<Published> {
        history(&vec![100; count], []).messages
    }

    fn simpler(&self, _published: &Published) -> Vec<Published> {
        Vec::new()
    }
}

/// The handler acknowledged by itself, died before its effect, and nobody delivers the message again.
pub(super) fn acked_early_and_lost() -> Script {
    let mut script = Script::unordered(1, 0);
    let (delivery, process) = (DeliveryName::new(0, 1), Process::new(0, 0));
    script.replay.fates[0].handled = None;
    script.replay.events = vec![
        Event::Delivered { delivery, process: process.clone(), origin: Origin::First },
        Event::Settled { delivery, process: process.clone(), how: Settlement::Acked },
        Event::Crashed { process, lost: vec![delivery.into()] },
    ];
    script
}

/// A partition whose head is never handled: what stands behind it is never even delivered.
pub(super) fn blocked_behind_poison() -> Script {
    let mut script = Script::unordered(2, 0);
    let process = Process::new(0, 0);
    for number in 1..=2 {
        let delivery = DeliveryName::new(0, number);
        let answer = Answer::Retry("cannot be read".to_owned());
        script.replay.events.extend([
            Event::Delivered { delivery, process: process.clone(), origin: Origin::First },
            Event::Step { at: delivery.operation(1), process: process.clone(), facts: Facts::default(), words: None },
            Event::Returned { delivery, process: process.clone(), answer },
        ]);
    }
    script.replay.fates[0].handled = None;
    script.replay.fates[0].supplied = vec![Supplied::default(); 2];
    script.replay.fates[1] = Fate::default();
    script.replay.end = End::Stuck(vec![0, 1]);
    script
}
