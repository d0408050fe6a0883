//! A complete search from its bounds to its verdict.

use std::{collections::BTreeMap, ops::ControlFlow};

use super::{Options, inconclusive, unknown_fault, violated};
use crate::{
    Bounds, Error, History, InFlight, Searched, Verdict,
    machine::{
        execution,
        trace::{Detail, Event},
    },
    oracle::Judgement,
    report::Usual,
    search::complete::{self, Completed, Execution},
    subject::{Job, Subject},
    verdict::Complete,
};

/// Searches every execution within these bounds, and reports the first that is wrong.
pub(super) fn verdict(subject: &mut dyn Subject, options: &Options, bounds: Bounds) -> Result<Verdict, Error> {
    let nothing = |reason: String| Ok(inconclusive(reason, Searched::default(), Usual::Nothing));
    if let Some(reason) = unknown_fault(&options.must_act) {
        return nothing(reason);
    }
    if options.contract.in_flight != InFlight::Either || options.contract.final_failures_kept {
        let what = "what a duplicate hears beside another delivery, or after a rejection";
        return nothing(format!("a complete search does not judge {what}: search by fault count, which does"));
    }
    let (history, bounds) = match workload(subject, bounds) {
        Ok(workload) => workload,
        Err(reason) => return nothing(reason),
    };
    if let Err(invalid) = history.validate() {
        return nothing(invalid.to_string());
    }
    let options = &Options { model: history.model, processes: history.processes, ..options.clone() };
    let mut oracle = options.oracle();
    let mut search = Search { bounds, crashed: 0, wrong: None, inexpressible: None };
    let watcher = options.watcher.as_ref();
    let completed =
        complete::complete(subject, &mut oracle, &history, &bounds, true, watcher, &mut |execution, is_wrong| {
            search.meets(execution, is_wrong)
        })?;
    let found = search.wrong.take();
    let searched = search.searched(&completed);
    if let Some(wrong) = found {
        let replay = subject.run(Job::Replay(&wrong), Detail::Facts)?;
        if oracle.judge(subject, &wrong, &replay)? == Judgement::Violated {
            return violated(subject, options, &wrong, &searched, None);
        }
        let reason = format!("an execution is wrong, and the history made of it comes to something else:\n{wrong}");
        return Ok(inconclusive(reason, searched, Usual::Nothing));
    }
    if let Some(why) = search.inexpressible {
        let reason = format!("an execution is wrong, and no history was made of it: {why}");
        return Ok(inconclusive(reason, searched, Usual::Nothing));
    }
    if let Some(reason) = completed.inconclusive {
        return Ok(inconclusive(reason, searched, Usual::Nothing));
    }
    if completed.stopped {
        let reason = format!("there are more than {} executions of {bounds}", bounds.executions);
        return Ok(inconclusive(reason, searched, Usual::TooMany));
    }
    super::worth::of_a_complete_pass(subject, &mut oracle, options, &history, searched)
}

/// Every execution of a complete search that went on, by what it came to.
#[derive(Clone, Debug, Default)]
#[doc(hidden)]
pub struct Explored {
    /// What was seen in the end, and whether that was wrong; and so many executions came to it.
    pub states: BTreeMap<(String, bool), u64>,
    /// So many executions went to their end.
    pub executions: u64,
    /// So many were cut short.
    pub cut: u64,
    /// Of so many executions a history was made, as far as that was tried.
    pub made: u64,
    /// Why not of the first of the others, or in what the history made of it differs.
    pub not_made: Option<String>,
    /// The first thing that could not be judged.
    pub inconclusive: Option<String>,
    /// It was given up.
    pub stopped: bool,
}

/// Searches on past every execution that is wrong. Of so many, the first, a history is made and replayed.
///
/// # Errors
/// What a store met.
pub(crate) fn explored(
    subject: &mut dyn Subject,
    options: &Options,
    bounds: Bounds,
    reduces: bool,
    remake: usize,
) -> Result<Explored, Error> {
    let (history, bounds) = workload(subject, bounds).map_err(Error::other)?;
    let mut oracle = options.oracle();
    let mut explored = Explored::default();
    let mut kept = Vec::new();
    let completed =
        complete::complete(subject, &mut oracle, &history, &bounds, reduces, None, &mut |execution, is_wrong| {
            *explored.states.entry((format!("{:?}", execution.replay.observation), is_wrong)).or_default() += 1;
            if kept.len() < remake {
                kept.push(execution.replay.clone());
            }
            ControlFlow::Continue(())
        })?;
    for first in kept {
        let made = execution::history_of(&first, history.model, history.processes, &history.messages);
        let difference = match made {
            Err(why) => Some(why.to_string()),
            Ok(made) => {
                let second = subject.run(Job::Replay(&made), Detail::Facts)?;
                execution::difference(&first, &second).map(|difference| format!("{made}{difference}"))
            }
        };
        match difference {
            None => explored.made += 1,
            Some(why) => drop(explored.not_made.get_or_insert(why)),
        }
    }
    let Completed { executions, cut, inconclusive, stopped, .. } = completed;
    Ok(Explored { executions, cut, inconclusive, stopped, ..explored })
}

/// The messages of these bounds, and the bounds of these messages: a list of messages is taken as it stands.
fn workload(subject: &dyn Subject, bounds: Bounds) -> Result<(History, Bounds), String> {
    let workloads = subject.workloads(bounds.messages);
    let listed = workloads.iter().find(|workload| workload.messages.len() == bounds.messages);
    let messages = listed.or(workloads.last()).map(|workload| workload.messages.clone()).unwrap_or_default();
    let messages = if messages.len() < bounds.messages { subject.many(bounds.messages) } else { messages };
    if messages.is_empty() {
        return Err("there are no messages to deliver".to_owned());
    }
    let bounds = bounds.messages(messages.len());
    Ok((bounds.history(messages), bounds))
}

/// What was met on the way.
struct Search {
    bounds: Bounds,
    /// So many executions had a crash.
    crashed: u64,
    /// The history of one that is wrong.
    wrong: Option<History>,
    /// Why no history was made of the first one that is wrong.
    inexpressible: Option<String>,
}

impl Search {
    fn meets(&mut self, execution: &Execution<'_>, is_wrong: bool) -> ControlFlow<()> {
        let Execution { history, replay } = execution;
        self.crashed += u64::from(replay.events.iter().any(|event| matches!(event, Event::Crashed { .. })));
        if !is_wrong {
            return ControlFlow::Continue(());
        }
        match execution::history_of(replay, history.model, history.processes, &history.messages) {
            Ok(made) => {
                self.wrong = Some(made);
                ControlFlow::Break(())
            }
            Err(why) => {
                self.inexpressible.get_or_insert_with(|| why.to_string());
                ControlFlow::Continue(())
            }
        }
    }

    fn searched(&self, completed: &Completed) -> Searched {
        let complete = Complete {
            bounds: self.bounds,
            executions: completed.executions,
            cut: completed.cut,
            schedules: completed.schedules,
            every: !completed.stopped && completed.inconclusive.is_none(),
            blind: completed.blind,
        };
        let acted = if self.bounds.crashes > 0 { vec![("crash", self.crashed)] } else { Vec::new() };
        Searched { complete: Some(Box::new(complete)), acted, ..Searched::default() }
    }
}
