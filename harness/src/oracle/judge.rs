//! One replay held against each oracle in turn, and what is wrong with it by the first that says so.
//!
//! What each of them asks stands in its own file; how a delivery that went wrong is named, in `naming`.

use super::{Anomaly, Explanation, Judgement, Oracle, progress};
use crate::{
    Error, History,
    machine::trace::{End, Replay},
    subject::Subject,
};

impl Oracle {
    /// Judges one replay.
    ///
    /// # Errors
    /// What a store met in a reference run, or a message that cannot be made.
    pub(crate) fn judge(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Judgement, Error> {
        if let End::Inconclusive(why) = &replay.end {
            return Ok(Judgement::Inconclusive(why.clone()));
        }
        if !progress::stuck(replay).is_empty() || replay.broken.is_some() {
            return Ok(Judgement::Violated);
        }
        self.exactly_once(subject, history, replay)
    }

    /// Says what is wrong with a replay that was judged to be violated. It was taken with `Detail::Watched`.
    ///
    /// That a message did not take effect exactly once says more than what came of it: of what else is wrong that is only
    /// told where every message did.
    ///
    /// # Errors
    /// What a store met in a reference run, or a message that cannot be made.
    pub(crate) fn explain(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Explanation, Error> {
        let invariant = replay.broken.as_ref().map(|broken| Explanation {
            anomaly: Anomaly::Invariant,
            message: None,
            expected: None,
            observed: broken.seen.clone(),
            as_if: None,
        });
        let Some(invariant) = invariant else { return self.name_it(subject, history, replay) };
        let is_stuck = !progress::stuck(replay).is_empty();
        if !is_stuck && self.exactly_once(subject, history, replay)? != Judgement::Violated {
            return Ok(invariant);
        }
        let named = self.name_it(subject, history, replay)?;
        Ok(if named.anomaly == Anomaly::Unexplained { invariant } else { named })
    }
}
