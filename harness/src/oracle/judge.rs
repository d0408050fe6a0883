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
        if self.accepts_everything {
            return Ok(Judgement::Agrees);
        }
        if !progress::stuck(replay).is_empty() || replay.broken.is_some() || self.exceeded(replay).is_some() {
            return Ok(Judgement::Violated);
        }
        self.look_at_ids(subject, history)?;
        let judgement = self.as_promised(subject, history, replay)?;
        let is_otherwise = || self.answered_otherwise(replay).is_some() && !self.is_outside_the_promise(replay);
        if judgement == Judgement::Agrees && (is_otherwise() || self.merged(subject, history, replay)?.is_some()) {
            return Ok(Judgement::Violated);
        }
        Ok(judgement)
    }

    /// Says what is wrong with a replay that was judged to be violated. It was taken with `Detail::Watched`.
    ///
    /// That a message did not take effect exactly once says more than what came of it: what else is wrong is only told where
    /// every message did, or where nothing tells why one did not.
    ///
    /// # Errors
    /// What a store met in a reference run, or a message that cannot be made.
    pub(crate) fn explain(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Explanation, Error> {
        self.look_at_ids(subject, history)?;
        let is_stuck = !progress::stuck(replay).is_empty();
        if !is_stuck
            && self.as_promised(subject, history, replay)? != Judgement::Violated
            && let Some(explanation) = self.beside_deliveries(subject, history, replay)?
        {
            return Ok(explanation);
        }
        if !is_stuck && self.is_right_but_for_ids(subject, history, replay)? {
            return self.explain_mismatch(subject, history, replay);
        }
        let named = self.name_it(subject, history, replay)?;
        let is_vague = matches!(named.anomaly, Anomaly::Partial | Anomaly::NotIsolated | Anomaly::Unexplained);
        if is_vague && self.not_refused(replay).is_some_and(|message| replay.fates[message].handled.is_some()) {
            return self.explain_mismatch(subject, history, replay);
        }
        let is_unexplained = named.anomaly == Anomaly::Unexplained;
        let beside = if is_unexplained { self.beside_deliveries(subject, history, replay)? } else { None };
        Ok(beside.unwrap_or(named))
    }

    /// What is wrong beside what became of each message.
    fn beside_deliveries(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Option<Explanation>, Error> {
        if let Some(broken) = &replay.broken {
            return Ok(Some(Explanation {
                anomaly: Anomaly::Invariant,
                message: None,
                expected: None,
                observed: broken.seen.clone(),
                as_if: None,
            }));
        }
        if let Some(exceeded) = self.explain_exceeded(replay) {
            return Ok(Some(exceeded));
        }
        if let Some(answered) = self.explain_answer(replay).filter(|_| !self.is_outside_the_promise(replay)) {
            return Ok(Some(answered));
        }
        self.merged(subject, history, replay)
    }

    /// Whether every message took effect exactly once, as far as the contract promises that.
    pub(super) fn as_promised(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Judgement, Error> {
        let judgement = self.exactly_once(subject, history, replay)?;
        let excused = judgement == Judgement::Violated && self.is_outside_the_promise(replay);
        Ok(if excused { Judgement::Agrees } else { judgement })
    }
}
