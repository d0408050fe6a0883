//! A survey: every history that a search meets, with what is wrong with it. For tests that judge the search itself.

use crate::{
    Anomaly, Error, History, Observation,
    machine::trace::{Detail, Replay},
    oracle::{Judgement, Oracle},
    search::{self, Judge, by_fault_count},
    subject::{Job, Subject},
};

/// What a search met.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Survey {
    /// Every history that was judged, in the order of the search.
    pub histories: Vec<Surveyed>,
    /// The first thing that could not be judged, if there was one.
    pub inconclusive: Option<String>,
}

/// One history that was judged.
#[doc(hidden)]
#[derive(Debug)]
pub struct Surveyed {
    /// It.
    pub history: History,
    /// What is wrong with it, if anything is.
    pub anomaly: Option<Anomaly>,
    /// What can be seen in the end.
    pub observation: Observation,
}

/// Searches to its end, whatever fails on the way.
///
/// # Errors
/// What a store met, or a message that cannot be made.
pub(crate) fn survey(subject: &mut dyn Subject, oracle: Oracle, options: &search::Options) -> Result<Survey, Error> {
    let mut surveyor = Surveyor { oracle, met: Vec::new() };
    let search = by_fault_count(subject, &mut surveyor, options, &mut |_| std::ops::ControlFlow::Continue(()))?;
    Ok(Survey { histories: surveyor.met, inconclusive: search.inconclusive })
}

/// The oracle, with a record of what it said.
struct Surveyor {
    oracle: Oracle,
    met: Vec<Surveyed>,
}

impl Judge for Surveyor {
    fn judge(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        let judgement = self.oracle.judge(subject, history, replay)?;
        let anomaly = match judgement {
            Judgement::Violated => {
                let watched = subject.run(Job::Replay(history), Detail::Watched)?;
                Some(self.oracle.explain(subject, history, &watched)?.anomaly)
            }
            Judgement::Agrees | Judgement::Inconclusive(_) => None,
        };
        self.met.push(Surveyed { history: history.clone(), anomaly, observation: replay.observation.clone() });
        Ok(judgement)
    }
}
