//! Complete search: every execution of a bounded workload, but for those that differ only in the order of what commutes.
//!
//! `walk` is the tree of executions, `races` finds what else has to be tried in it; each execution is a replay on the user's
//! handler in which the walk says who goes on ([`Chooser`](crate::machine::chooser::Chooser)). Here they are run one after
//! the other and judged. `bounds` says how large the workload is, `judged` which executions are right if one is, and whether
//! the order of messages matters at all; `estimate` counts
//! what there would be to do without any of that, `progress` tells whoever watches, and `again` makes one execution once more.

mod again;
mod bounds;
mod estimate;
mod judged;
mod progress;
mod races;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_walk;
mod walk;

use std::ops::ControlFlow;

pub use bounds::Bounds;
pub use progress::{Progress, Watcher};

use self::{
    judged::{Judged, time_matters},
    walk::{Explorer, Scope},
};
use super::{Judge, confirm};
use crate::{
    Error, History,
    machine::trace::{Detail, End, Replay},
    oracle::Judgement,
    subject::{Job, Subject},
};

/// An execution, as the search met it.
pub(crate) struct Execution<'a> {
    /// Its messages, without a fault.
    pub(crate) history: &'a History,
    pub(crate) replay: &'a Replay,
}

/// What a complete search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Completed {
    /// So many executions went to their end.
    pub(crate) executions: u64,
    /// So many were left when it was clear that they come to what another one came to.
    pub(crate) cut: u64,
    /// The first thing that could not be judged.
    pub(crate) inconclusive: Option<String>,
    /// Whoever was told of an execution wanted no more, or there were too many.
    pub(crate) stopped: bool,
    /// A store does not tell what its operations touch, so that nothing commutes.
    pub(crate) blind: bool,
    /// About so many schedules there are.
    pub(crate) schedules: u128,
}

impl Completed {
    fn progress(&self) -> Progress {
        Progress { schedules: self.schedules, executions: self.executions, cut: self.cut }
    }
}

/// Runs every execution of these messages within the bounds, and tells `met` of each, with whether it is wrong.
///
/// `history` has the messages, no faults, and a model that deals copies of them. Without `reduces` executions are told apart
/// that differ only in the order of what commutes: for tests, and very many. `watcher` is told how far it is.
///
/// # Errors
/// What a store met, or a message that cannot be made.
pub(crate) fn complete(
    subject: &mut dyn Subject,
    judge: &mut dyn Judge,
    history: &History,
    bounds: &Bounds,
    reduces: bool,
    watcher: Option<&Watcher>,
    met: &mut dyn FnMut(&Execution<'_>, bool) -> ControlFlow<()>,
) -> Result<Completed, Error> {
    let mut completed = Completed { blind: !subject.tells_footprints(), ..Completed::default() };
    if let Some(why) = beyond_control(subject).or(confirm::unsteady(subject, history)?) {
        completed.inconclusive = Some(why);
        return Ok(completed);
    }
    let plain = subject.run(Job::Replay(history), Detail::Facts)?;
    completed.schedules = estimate::schedules(&plain, bounds, history.messages.len());
    let time_matters = time_matters(subject, history)?;
    let scope = Scope { crashes: bounds.crashes, reduces, time_matters, blind: completed.blind };
    let explorer = Explorer::new(scope);
    let mut judged = Judged::default();
    let tell = |completed: &Completed| watcher.into_iter().for_each(|watcher| watcher.tell(completed.progress()));
    tell(&completed);
    loop {
        explorer.with(walk::Walk::begin);
        let replay = subject.run(Job::Chosen(history, &explorer), Detail::Facts)?;
        let (is_cut, differs, in_vain) = explorer.with(|walk| (walk.is_cut, walk.differs, walk.tried_in_vain));
        if differs {
            completed.inconclusive = Some(format!("two executions of the same choices differ; {}", confirm::CAUSES));
            return Ok(completed);
        }
        if let End::Inconclusive(why) = &replay.end
            && !is_cut
        {
            completed.inconclusive = Some(why.clone());
            return Ok(completed);
        }
        if is_cut {
            completed.cut += 1;
        } else {
            completed.executions += 1;
            let again = in_vain.then(|| without_trying(subject, history, &explorer)).transpose()?;
            let execution = Execution { history, replay: again.as_ref().unwrap_or(&replay) };
            let is_wrong = match judged.judge(subject, judge, &execution)? {
                Judgement::Agrees => false,
                Judgement::Violated => true,
                Judgement::Inconclusive(why) => {
                    completed.inconclusive.get_or_insert(why);
                    false
                }
            };
            if met(&execution, is_wrong).is_break() {
                completed.stopped = true;
                return Ok(completed);
            }
        }
        tell(&completed);
        if !explorer.with(walk::Walk::turn_back) {
            return Ok(completed);
        }
        if completed.executions + completed.cut >= bounds.executions {
            completed.stopped = true;
            return Ok(completed);
        }
    }
}

/// The execution that was just made, without what was tried in vain: a delivery begins only where it goes on, and whoever has
/// to wait for a lock that is free by the time it takes it never tried before.
fn without_trying(subject: &mut dyn Subject, history: &History, explorer: &Explorer) -> Result<Replay, Error> {
    let again = again::Again::new(explorer.with(|walk| walk.choices()));
    subject.run(Job::Chosen(history, &again), Detail::Facts)
}

/// What nobody can choose about, if there is any.
fn beyond_control(subject: &dyn Subject) -> Option<String> {
    let why = "a complete search does not control background work, nor what handlers spawn: search by fault count, which does";
    subject.has_background().then(|| why.to_owned())
}
