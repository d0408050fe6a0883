//! One check from its options to its verdict: search, shrinking, confirmation, report.
//!
//! Each of these lives elsewhere; here is only the order in which they are called. What a check in a test does besides
//! (variables, files, the panic) is `in_a_test`; what a search that found nothing is worth, `worth`; one history after the
//! other, of a fuzzer's bytes, `fuzz`.

mod complete;
mod fuzz;
mod in_a_test;
mod settings;
#[cfg(test)]
mod tests;
mod worth;

use std::ops::ControlFlow;

pub use complete::Explored;
pub(crate) use complete::explored;
pub use fuzz::{Fuzzer, fuzz};
pub(crate) use in_a_test::{asked_for, in_a_test, name as name_of_test, tried};

use crate::{
    Anomaly, Bounds, Contract, DeliveryModel, Error, History, Observation, Searched, Verdict,
    history::{FAULTS, Fault, Line},
    machine::{
        execution,
        trace::{Detail, End, Replay},
    },
    oracle::{Judgement, Oracle},
    report::{Screen, Told, Usual},
    search::{self, Cases, Judge, Part, complete::Watcher},
    subject::{Job, Subject},
    verdict::{Counterexample, Inconclusive},
};

/// What a check is told.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) model: DeliveryModel,
    pub(crate) contract: Contract,
    pub(crate) processes: usize,
    pub(crate) messages: usize,
    pub(crate) faults: usize,
    /// Only faults of these kinds are searched, by their words; of every kind where none is named. Random ones are of all.
    pub(crate) only: &'static [&'static str],
    pub(crate) skips: bool,
    /// The handler looks at a clock where nobody sees it.
    pub(crate) reads_clock: bool,
    /// Set for a complete search, instead of the one by fault count and the random one.
    pub(crate) complete: Option<Bounds>,
    /// Is told how far that is.
    pub(crate) watcher: Option<Watcher>,
    /// How many random histories come after those with so many faults, and their seed.
    pub(crate) random: Cases,
    /// Everything is right: a canary, with which nobody may be convicted.
    pub(crate) accepts_everything: bool,
    /// The kinds of faults without which a pass is worth nothing, by their words.
    pub(crate) must_act: Vec<String>,
    pub(crate) name: Option<String>,
    /// The command that replays a line, `{line}` standing for it.
    pub(crate) command: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: DeliveryModel::at_least_once(),
            contract: Contract::strict(),
            processes: History::DEFAULT_PROCESSES,
            messages: 2,
            faults: 2,
            only: &[],
            skips: true,
            reads_clock: false,
            complete: None,
            watcher: None,
            random: Cases { count: 256, seed: 0 },
            accepts_everything: false,
            must_act: Vec::new(),
            name: None,
            command: None,
        }
    }
}

/// The name of a check that has none.
const NAMELESS: &str = "check";

impl Options {
    /// What judges.
    pub(crate) fn oracle(&self) -> Oracle {
        let oracle = Oracle::new(self.contract.clone());
        if self.accepts_everything { oracle.that_accepts_everything() } else { oracle }
    }

    /// The name for reports and lines.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(NAMELESS)
    }

    pub(crate) fn set_messages(&mut self, messages: usize) {
        self.messages = messages.clamp(1, 5);
    }

    pub(crate) fn set_processes(&mut self, processes: usize) {
        self.processes = processes.max(1);
    }

    fn search(&self) -> search::Options {
        search::Options {
            model: self.model,
            processes: self.processes,
            faults: self.faults,
            messages: self.messages,
            only: self.only,
            skips: self.skips,
            keys_matter: self.contract.order_published
                || self.contract.ids_within_keys
                || self.model.rules().orders_by_key(),
            periods: self.contract.periods(),
            skews: self.contract.clocks_apart.into_iter().collect(),
        }
    }

    fn replay_command(&self, history: &History) -> String {
        let line = Line { test: self.name().to_owned(), history: history.clone() }.to_string();
        match &self.command {
            Some(command) => command.replace("{line}", &line),
            None => format!("REDELIVER_HISTORY='{line}' cargo test {} -- --exact", self.name()),
        }
    }
}

impl Judge for Oracle {
    fn judge(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        Oracle::judge(self, subject, history, replay)
    }
}

/// Searches, and reports the first history that fails.
pub(crate) fn verdict(subject: &mut dyn Subject, options: &Options) -> Verdict {
    or_inconclusive(searched_verdict(subject, options))
}

/// Every failure of a search that went on.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Survey {
    /// The histories that were judged, in the order in which the search met them, each with what is seen in its end.
    pub judged: Vec<(History, Observation)>,
    /// Those of them that fail.
    pub failing: Vec<(History, Anomaly)>,
    /// How far it went.
    pub searched: Searched,
    /// The first thing that could not be judged.
    pub inconclusive: Option<String>,
}

/// Searches on past the first failure, and names each.
///
/// # Errors
/// What a store met.
pub(crate) fn survey(subject: &mut dyn Subject, options: &Options) -> Result<Survey, Error> {
    let mut surveyor = Surveyor { oracle: options.oracle(), judged: Vec::new() };
    let mut failing = Vec::new();
    let found = search::by_fault_count(subject, &mut surveyor, &options.search(), &mut |found| {
        failing.push(found.history.clone());
        ControlFlow::Continue(())
    })?;
    let Surveyor { mut oracle, judged } = surveyor;
    let mut survey = Survey { judged, failing: Vec::new(), searched: found.searched, inconclusive: found.inconclusive };
    for history in failing {
        let replay = subject.run(Job::Replay(&history), Detail::Watched)?;
        let anomaly = oracle.explain(subject, &history, &replay)?.anomaly;
        survey.failing.push((history, anomaly));
    }
    Ok(survey)
}

/// Replays a history, makes one from what happened and replays that: what was made, or in what the two replays differ.
///
/// # Errors
/// What a store met.
pub(crate) fn remade(subject: &mut dyn Subject, history: &History) -> Result<Result<History, String>, Error> {
    let first = subject.run(Job::Replay(history), Detail::Facts)?;
    let made = match execution::history_of(&first, history.model, history.processes, &history.messages) {
        Ok(made) => made,
        Err(why) => return Ok(Err(why.to_string())),
    };
    let second = subject.run(Job::Replay(&made), Detail::Facts)?;
    Ok(match execution::difference(&first, &second) {
        None => Ok(made),
        Some(difference) => Err(format!("{made}{difference}")),
    })
}

/// The oracle, and what it was asked.
struct Surveyor {
    oracle: Oracle,
    judged: Vec<(History, Observation)>,
}

impl Judge for Surveyor {
    fn judge(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        self.judged.push((history.clone(), replay.observation.clone()));
        self.oracle.judge(subject, history, replay)
    }
}

/// Replays one history and judges it.
pub(crate) fn replay(subject: &mut dyn Subject, options: &Options, history: &History) -> Verdict {
    or_inconclusive(replayed_verdict(subject, options, history))
}

fn or_inconclusive(verdict: Result<Verdict, Error>) -> Verdict {
    verdict.unwrap_or_else(|error| inconclusive(error.to_string(), Searched::default(), Usual::Nothing))
}

fn searched_verdict(subject: &mut dyn Subject, options: &Options) -> Result<Verdict, Error> {
    if let Some(bounds) = options.complete {
        return complete::verdict(subject, options, bounds);
    }
    if let Some(reason) = unknown_fault(&options.must_act) {
        return Ok(inconclusive(reason, Searched::default(), Usual::Nothing));
    }
    for workload in subject.workloads(options.messages) {
        if let Err(invalid) = plain(options, workload.messages).validate() {
            return Ok(inconclusive(invalid.to_string(), Searched::default(), Usual::Nothing));
        }
    }
    let mut oracle = options.oracle();
    let mut first = None;
    let found = search::by_fault_count(subject, &mut oracle, &options.search(), &mut |found| {
        first = Some(found.history.clone());
        ControlFlow::Break(())
    })?;
    let mut searched = found.searched;
    if let Some(history) = first {
        let proven = found.inconclusive.is_none().then_some(history.faults.len());
        return violated(subject, options, &history, &searched, proven);
    }
    if let Some(reason) = found.inconclusive {
        return Ok(inconclusive(reason, searched, Usual::Nothing));
    }
    if options.faults > 0 && options.random.count > 0 {
        let came = search::random(subject, &mut oracle, &options.search(), options.random, &mut searched)?;
        if let Some(history) = came.fails {
            // With messages that are drawn, nobody searched every history with fewer faults.
            return violated(subject, options, &history, &searched, None);
        }
        if let Some(reason) = came.inconclusive {
            return Ok(inconclusive(reason, searched, Usual::Nothing));
        }
    }
    worth::of_a_pass(subject, &mut oracle, options, searched)
}

/// What is wrong with these words, if one of them is no kind of fault.
fn unknown_fault(words: &[String]) -> Option<String> {
    let unknown = words.iter().find(|word| Fault::words().all(|known| known != *word))?;
    Some(format!("`{unknown}` was to act, and there is no such fault: there are {FAULTS}"))
}

fn plain(options: &Options, messages: Vec<crate::history::Published>) -> History {
    History { model: options.model, processes: options.processes, messages, faults: Vec::new() }
}

fn replayed_verdict(subject: &mut dyn Subject, options: &Options, history: &History) -> Result<Verdict, Error> {
    if let Err(invalid) = history.validate() {
        return Ok(inconclusive(invalid.to_string(), Searched::default(), Usual::Nothing));
    }
    let mut oracle = options.oracle();
    let replay = subject.run(Job::Replay(history), Detail::Facts)?;
    let mut histories = vec![0; history.faults.len()];
    histories.push(1);
    let mut searched = Searched { histories, alone: true, ..Searched::default() };
    searched.unused = replay.unused.iter().map(|unused| (history.faults[unused.fault].clone(), unused.why)).collect();
    if let End::Inconclusive(reason) = &replay.end {
        return Ok(inconclusive(reason.clone(), searched, Usual::Waits));
    }
    match oracle.judge(subject, history, &replay)? {
        Judgement::Agrees => Ok(Verdict::Holds(searched)),
        Judgement::Inconclusive(reason) => Ok(inconclusive(reason, searched, Usual::TooLarge)),
        Judgement::Violated => reported(subject, options, history, &searched, false),
    }
}

/// What is left of a history that fails, and how many replays that took.
///
/// # Errors
/// What a store met.
pub(crate) fn shrunk(subject: &mut dyn Subject, options: &Options, history: &History) -> Result<(History, u32), Error> {
    let shrunk = search::shrink(subject, &mut options.oracle(), history)?;
    Ok((shrunk.history, shrunk.replays))
}

/// Shrinks a history that fails, and reports it. `proven` is the fault count below which everything was searched.
pub(crate) fn violated(
    subject: &mut dyn Subject,
    options: &Options,
    history: &History,
    searched: &Searched,
    proven: Option<usize>,
) -> Result<Verdict, Error> {
    let mut oracle = options.oracle();
    let shrunk = search::shrink(subject, &mut oracle, history)?.history;
    let proven = proven.is_some_and(|count| shrunk.faults.len() >= count);
    reported(subject, options, &shrunk, searched, proven)
}

/// Confirms a history that fails, elsewhere, and reports it.
fn reported(
    subject: &mut dyn Subject,
    options: &Options,
    history: &History,
    searched: &Searched,
    proven: bool,
) -> Result<Verdict, Error> {
    let mut oracle = options.oracle();
    if let Some(difference) = search::confirm(subject, &mut oracle, history)? {
        return Ok(inconclusive(difference, searched.clone(), Usual::Nothing));
    }
    let replay = subject.run(Job::Replay(history), Detail::Watched)?;
    let explanation = oracle.explain(subject, history, &replay)?;
    let mut payloads = Vec::new();
    for (place, published) in history.messages.iter().enumerate() {
        payloads.push(subject.payload(published, place)?);
    }
    let needed = needed(subject, &mut oracle, history)?;
    let screen = Screen {
        test: options.name(),
        history,
        payloads: &payloads,
        replay: &replay,
        explanation: &explanation,
        proven,
        needed: &needed,
        searched,
        replay_command: &options.replay_command(history),
    };
    Ok(Verdict::Violated(Box::new(Counterexample {
        history: history.clone(),
        anomaly: explanation.anomaly,
        message: explanation.message,
        report: screen.render(),
        told: Told::of(&screen),
        searched: searched.clone(),
    })))
}

/// The faults without which a history passes.
fn needed(subject: &mut dyn Subject, oracle: &mut Oracle, history: &History) -> Result<Vec<usize>, Error> {
    let mut needed = Vec::new();
    for fault in 0..history.faults.len() {
        let Some(without) = search::without(history, Part::Fault(fault)) else { continue };
        let replay = subject.run(Job::Replay(&without), Detail::Facts)?;
        if !matches!(replay.end, End::Inconclusive(_)) && oracle.judge(subject, &without, &replay)? == Judgement::Agrees
        {
            needed.push(fault);
        }
    }
    Ok(needed)
}

fn inconclusive(reason: String, searched: Searched, usual: Usual) -> Verdict {
    Verdict::Inconclusive(Inconclusive { reason, searched, usual })
}
