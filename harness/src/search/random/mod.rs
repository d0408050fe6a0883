//! Random histories, larger than can be enumerated: more faults at once, over workloads that are drawn too.
//!
//! proptest draws a workload and a short vector of numbers, which `decode` turns into faults that nearly all act, by what
//! `shape` learned of the handler; `pool` has the workloads and `drawer` puts
//! all that together; `bytes` does so for a fuzzer. The seed decides everything: the same seed makes the same
//! histories, and more of them begin with the same. A history that fails is shrunk by proptest first, then as every other.
//!
//! Histories come in stretches. Nothing is kept from one stretch to the next, so that memory does not grow with their
//! number.

mod bytes;
pub(super) mod decode;
mod drawer;
mod pool;
pub(super) mod shape;

use std::{collections::BTreeMap, time::Duration};

use proptest::strategy::ValueTree;

pub(crate) use self::bytes::{FromBytes, Replayed};
pub(crate) use self::drawer::Drawer;
use self::drawer::Vector;
use super::{
    Judge, Options,
    ladder::ladder,
    skip::{Met, Seen},
};
use crate::{
    Error, History, Searched,
    history::Fault,
    machine::trace::{Detail, End, Replay},
    oracle::{Judgement, within_caps},
    subject::{Job, Subject},
};

/// The most faults in a random history.
pub(crate) const MOST_FAULTS: usize = 8;

/// So many histories share their workloads, and what was seen of them.
const STRETCH: u64 = 4_096;

/// So many histories are tried while proptest shrinks one that fails. Ours goes on from there.
const MOST_SHRINKS: u32 = 128;

/// How many random histories there are, and which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cases {
    pub(crate) count: u64,
    pub(crate) seed: u64,
}

/// What a random search came to, beside how far it went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Came {
    /// The first history that fails, as small as proptest makes it.
    pub(crate) fails: Option<History>,
    /// The first thing that could not be judged.
    pub(crate) inconclusive: Option<String>,
}

/// Searches so many random histories, until one fails, and notes in `searched` how far it went.
///
/// # Errors
/// What a store met, or a message that cannot be made.
pub(crate) fn random(
    subject: &mut dyn Subject,
    judge: &mut dyn Judge,
    options: &Options,
    cases: Cases,
    searched: &mut Searched,
) -> Result<Came, Error> {
    let mut walk = Walk {
        subject,
        judge,
        options,
        came: Came::default(),
        acted: BTreeMap::new(),
        ladder: ladder(&options.periods),
        jumps: (false, false),
    };
    let mut done = 0;
    while done < cases.count && walk.came.fails.is_none() {
        done += walk.stretch(cases.seed, done / STRETCH, STRETCH.min(cases.count - done))?;
    }
    searched.random = done;
    searched.random_faults = MOST_FAULTS;
    searched.seed = cases.seed;
    if walk.jumps.0 {
        searched.jumps = walk.ladder;
    }
    searched.deadlines |= walk.jumps.1;
    let mut acted: BTreeMap<_, _> = std::mem::take(&mut searched.acted).into_iter().collect();
    for (word, times) in &walk.acted {
        *acted.entry(*word).or_default() += times;
    }
    searched.acted = acted.into_iter().collect();
    searched.acted_at_random = walk.acted.into_iter().collect();
    Ok(walk.came)
}

struct Walk<'a> {
    subject: &'a mut dyn Subject,
    judge: &'a mut dyn Judge,
    options: &'a Options,
    came: Came,
    acted: BTreeMap<&'static str, u64>,
    ladder: Vec<Duration>,
    /// Whether a fault advanced the clock by an amount of the ladder, and whether one did to a deadline.
    jumps: (bool, bool),
}

impl Walk<'_> {
    /// Tries so many histories, fewer if one fails. How many were tried.
    fn stretch(&mut self, seed: u64, stretch: u64, count: u64) -> Result<u64, Error> {
        let mut drawer = Drawer::new(self.subject, self.options, seed, stretch);
        let mut seen = Seen::default();
        for nth in 0..count {
            let mut tree = drawer.draw();
            if let Some(history) = self.failing(&mut drawer, &tree.current(), Some(&mut seen))? {
                self.came.fails = Some(self.shrunk(&mut drawer, &mut tree, history)?);
                return Ok(nth + 1);
            }
        }
        Ok(count)
    }

    /// The history of a vector, if it fails. Told what was seen, it counts the history, and judges none twice.
    fn failing(
        &mut self,
        drawer: &mut Drawer,
        vector: &Vector,
        seen: Option<&mut Seen>,
    ) -> Result<Option<History>, Error> {
        let history = match drawer.history(self.subject, vector)? {
            Ok(history) => history,
            Err(why) => return Ok(self.unclear(why)),
        };
        let replay = cut_to_caps(self.subject, history)?;
        if seen.is_some() {
            self.count(history, &replay);
        }
        if let End::Inconclusive(why) = &replay.end {
            return Ok(self.unclear(why.clone()));
        }
        if let Some(seen) = seen.filter(|_| self.options.skips)
            && seen.meet(vector.0, &history.faults, &replay) != Met::New
        {
            return Ok(None);
        }
        Ok(match self.judge.judge(self.subject, history, &replay)? {
            Judgement::Agrees => None,
            Judgement::Violated => Some(history.clone()),
            Judgement::Inconclusive(why) => self.unclear(why),
        })
    }

    fn count(&mut self, history: &History, replay: &Replay) {
        for acted in &replay.acted {
            let fault = &history.faults[acted.fault];
            *self.acted.entry(fault.word()).or_default() += 1;
            if let Fault::Advance { by, .. } = fault {
                let of_ladder = self.ladder.contains(by);
                self.jumps.0 |= of_ladder;
                self.jumps.1 |= !of_ladder;
            }
        }
    }

    fn unclear(&mut self, why: String) -> Option<History> {
        self.came.inconclusive.get_or_insert(why);
        None
    }

    /// The smallest history that proptest makes of one that fails.
    fn shrunk(
        &mut self,
        drawer: &mut Drawer,
        tree: &mut impl ValueTree<Value = Vector>,
        mut smallest: History,
    ) -> Result<History, Error> {
        // What is met on the way is nobody's verdict.
        let inconclusive = self.came.inconclusive.clone();
        let mut fails = true;
        for _ in 0..MOST_SHRINKS {
            let more = if fails { tree.simplify() } else { tree.complicate() };
            if !more {
                break;
            }
            let smaller = self.failing(drawer, &tree.current(), None)?;
            fails = smaller.is_some();
            smallest = smaller.unwrap_or(smallest);
        }
        self.came.inconclusive = inconclusive;
        Ok(smallest)
    }
}

/// The replay of a history, without the faults that would make more of it unordered than can be judged.
fn cut_to_caps(subject: &mut dyn Subject, history: &mut History) -> Result<Replay, Error> {
    loop {
        let replay = subject.run(Job::Replay(history), Detail::Facts)?;
        if within_caps(&replay) || history.faults.pop().is_none() {
            return Ok(replay);
        }
    }
}
