//! Every history with no fault, then with one, then with two.
//!
//! A history with one more fault is made from one that was searched, by adding a fault that acts later than all it has; its
//! trace says where it can. All workloads come at one fault count before the next count, so that the first history
//! that fails has the fewest faults there can be.
//!
//! **Every history is reached, and once.** Take any history whose faults all act, written in the order in which they
//! do. Without its last fault it is replayed alike until that one acts, since a fault that has not acted changes nothing;
//! so what the last fault strikes stands in the trace of the shorter history, later than the other faults, and `candidates`
//! finds it there. By induction the history is reached. And only so: a replay in which the faults did not act in the order
//! in which they are written is left out, so that each history is made from itself without its last fault, and of no other;
//! and no two candidates of one trace are alike. What is reached are the faults of the family: the kinds that `candidates`
//! knows, with `pause` and `overlap` as they stand without a name behind them, the clock advanced by the amounts of the
//! ladder and to the deadlines that were set, but not twice before anybody looks at it, and faults at one coordinate in the order advance, overlap or duplicate, pause,
//! then the rest, one of each rank.
//!
//! What is kept between two counts are the histories of one count, not their traces: each is replayed once more to be
//! continued, which costs one replay for all the histories made from it.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use super::{
    Judge, Options,
    alike::Alike,
    candidates::{Candidate, candidates},
    confirm,
    ladder::ladder,
    skip::{Expanded, Met, Repeats, Seen, Skipped},
};
use crate::{
    Error, History, Searched,
    history::{Coordinate, Fault},
    machine::trace::{Detail, End, Replay},
    oracle::Judgement,
    subject::{Job, Subject, Workload},
};

/// A history that fails, as the search met it: not shrunk, not confirmed.
pub(crate) struct Found<'a> {
    pub(crate) history: &'a History,
}

/// What a search came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    pub(crate) searched: Searched,
    /// The first thing that could not be judged, if there was one.
    pub(crate) inconclusive: Option<String>,
    /// Who was told of a failure wanted no more; the last fault count may be incomplete.
    pub(crate) stopped: bool,
    /// What the skips saved.
    pub(crate) skipped: Skipped,
    /// Replays of histories that were then left out, since a fault of theirs did not act or acted out of order.
    pub(crate) idle: u64,
}

/// Searches every history with up to `options.faults` faults and tells `found` of each that fails, until that breaks.
///
/// # Errors
/// What a store met, or a message that cannot be made.
pub(crate) fn by_fault_count(
    subject: &mut dyn Subject,
    judge: &mut dyn Judge,
    options: &Options,
    found: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
) -> Result<Search, Error> {
    let workloads = subject.workloads(options.messages);
    let mut walk = Walk {
        subject,
        judge,
        options,
        found,
        amounts: ladder(&options.periods),
        seen: Seen::default(),
        expanded: Expanded::default(),
        acted: BTreeMap::new(),
        search: Search::default(),
    };
    walk.search.searched.only = options.only.to_vec();
    walk.search.searched.workloads = workloads.iter().map(|workload| workload.name.to_owned()).collect();
    let mut alike = Alike::of(&workloads, options);
    // A workload whose plain run cannot be relied on is not searched.
    let mut frontier = walk.plain_runs(&workloads, &mut alike)?;
    for count in 1..=options.faults {
        if walk.search.stopped {
            break;
        }
        walk.search.searched.histories.push(0);
        let mut next = walk.one_more(&workloads, &frontier, count)?;
        if walk.subject.asks_for_keys() {
            next.extend(walk.one_more(&workloads, &alike.no_longer(&frontier), count)?);
        }
        walk.search.searched.faults = count - usize::from(walk.search.stopped);
        frontier = next;
    }
    let acted = std::mem::take(&mut walk.acted);
    if acted.contains_key("advance") {
        walk.search.searched.jumps.clone_from(&walk.amounts);
    }
    walk.search.searched.acted = acted.into_iter().collect();
    Ok(walk.search)
}

/// A history that is to be continued.
#[derive(Clone)]
pub(super) struct Reached {
    /// Its workload's place.
    pub(super) workload: usize,
    pub(super) faults: Box<[Fault]>,
    /// Only with faults at this place: with any other it comes to the same as one that is continued too.
    pub(super) only_at: Option<Coordinate>,
}

struct Walk<'a> {
    subject: &'a mut dyn Subject,
    judge: &'a mut dyn Judge,
    options: &'a Options,
    found: &'a mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    amounts: Vec<Duration>,
    seen: Seen,
    expanded: Expanded,
    acted: BTreeMap<&'static str, u64>,
    search: Search,
}

impl Walk<'_> {
    fn history(&self, workload: &Workload, faults: &[Fault]) -> History {
        History {
            model: self.options.model,
            processes: self.options.processes,
            messages: workload.messages.clone(),
            faults: faults.to_vec(),
        }
    }

    /// The histories without a fault.
    fn plain_runs(&mut self, workloads: &[Workload], alike: &mut Alike) -> Result<Vec<Reached>, Error> {
        let mut reached = Vec::new();
        self.search.searched.histories.push(0);
        for (at, workload) in workloads.iter().enumerate() {
            if self.search.stopped {
                return Ok(reached);
            }
            let history = self.history(workload, &[]);
            if let Some(why) = confirm::unsteady(self.subject, &history)? {
                self.inconclusive(why);
                continue;
            }
            let replay = self.subject.run(Job::Replay(&history), Detail::Facts)?;
            if self.visit(at, &history, &replay)? && (self.subject.asks_for_keys() || !alike.leaves_out(at)) {
                reached.push(Reached { workload: at, faults: Box::default(), only_at: None });
            }
        }
        Ok(reached)
    }

    /// The histories that have one fault more than those of the frontier.
    fn one_more(&mut self, workloads: &[Workload], frontier: &[Reached], count: usize) -> Result<Vec<Reached>, Error> {
        let mut reached = Vec::new();
        let goes_on = count < self.options.faults;
        for Reached { workload: at, faults, only_at } in frontier {
            let mut history = self.history(&workloads[*at], faults);
            // What strikes the very place of the last fault comes before any lull.
            let skips_lulls = self.options.skips && only_at.is_none();
            let detail = if skips_lulls { Detail::Lulls } else { Detail::Facts };
            let parent = self.subject.run(Job::Replay(&history), detail)?;
            let known = if skips_lulls { self.expanded.known_from(*at, count, &parent) } else { usize::MAX };
            for Candidate { fault, at: strikes, repeats } in self.candidates(&history, &parent) {
                if only_at.is_some() && fault.coordinate() != *only_at {
                    continue;
                }
                let place = fault.coordinate();
                history.faults.push(fault);
                let of = |only_at, faults: &[Fault]| Reached { workload: *at, faults: faults.into(), only_at };
                if strikes >= known || repeats != Repeats::No && self.options.skips {
                    self.search.skipped.untried += 1;
                    let own_place = repeats == Repeats::ButForItsPlace && strikes < known && goes_on;
                    reached.extend(own_place.then(|| of(place, &history.faults)));
                    history.faults.pop();
                    continue;
                }
                let replay = self.subject.run(Job::Replay(&history), Detail::Facts)?;
                if !acted_in_order(&history, &replay) {
                    self.search.idle += 1;
                } else if self.visit(*at, &history, &replay)? && goes_on {
                    reached.push(of(None, &history.faults));
                }
                history.faults.pop();
                if self.search.stopped {
                    return Ok(reached);
                }
            }
        }
        Ok(reached)
    }

    /// What can be added to a history, of the kinds that are asked for.
    fn candidates(&self, history: &History, replay: &Replay) -> Vec<Candidate> {
        let Options { only, skews, .. } = self.options;
        let mut candidates = candidates(history, replay, &self.amounts, skews, self.subject.remembers());
        candidates.retain(|candidate| only.is_empty() || only.contains(&candidate.fault.word()));
        candidates
    }

    /// Counts and judges a history. Whether it is to be continued.
    fn visit(&mut self, at: usize, history: &History, replay: &Replay) -> Result<bool, Error> {
        if let Some(count) = self.search.searched.histories.last_mut() {
            *count += 1;
        }
        for fault in &history.faults {
            *self.acted.entry(fault.word()).or_default() += 1;
            // What is not of the ladder leads to a deadline.
            let to_deadline = matches!(fault, Fault::Advance { by, .. } if !self.amounts.contains(by));
            self.search.searched.deadlines |= to_deadline;
        }
        if let End::Inconclusive(why) = &replay.end {
            self.inconclusive(why.clone());
            return Ok(false);
        }
        let met = if self.options.skips { self.seen.meet(at, &history.faults, replay) } else { Met::New };
        if met != Met::New {
            self.search.skipped.judged += 1;
            self.search.skipped.continued += u64::from(met == Met::SameChildren);
            return Ok(met == Met::SameVerdict);
        }
        match self.judge.judge(self.subject, history, replay)? {
            Judgement::Agrees => {}
            Judgement::Violated => {
                self.search.stopped = (self.found)(Found { history }).is_break();
            }
            Judgement::Inconclusive(why) => self.inconclusive(why),
        }
        Ok(true)
    }

    fn inconclusive(&mut self, why: String) {
        self.search.inconclusive.get_or_insert(why);
    }
}

/// Whether every fault acted, in the order in which they are written.
pub(super) fn acted_in_order(history: &History, replay: &Replay) -> bool {
    replay.acted.len() == history.faults.len() && replay.acted.iter().enumerate().all(|(at, acted)| acted.fault == at)
}
