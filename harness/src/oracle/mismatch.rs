//! Mismatch: another payload under an id that was used is refused, and leaves no trace. Asked only where the contract says so.
//!
//! Of two messages that share an id and differ, the one that comes second in the order of a reference run, after one that was
//! handled, has no part in it: what it left is then nothing that a right run leaves. Holding a handler against itself would
//! never show it, since a handler that takes the second for a duplicate does so in the reference run too.
//!
//! Messages that share an id and carry the same are duplicates by key: nothing is asked of them beyond exactly once.

use super::{
    Anomaly, Explanation, Judgement, Oracle,
    case::Case,
    order::{Order, Places},
};
use crate::{Error, History, history::Published, machine::trace::Replay, subject::Subject};

/// Which messages of a workload share an id and differ.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    of: Vec<Published>,
    /// For each message those that do with it; empty where there is no such message.
    with: Vec<Places>,
}

impl Conflicts {
    pub(super) fn is_empty(&self) -> bool {
        self.with.is_empty()
    }

    /// The messages that share an id with this one and differ.
    pub(super) fn with(&self, message: usize) -> Places {
        self.with.get(message).copied().unwrap_or_default()
    }

    /// Whether no message takes part in this order that had to be refused, after one that was handled.
    pub(super) fn allow(&self, order: &[usize], handled: Places) -> bool {
        let mut taken = Places::default();
        order.iter().all(|message| {
            let is_free = self.with(*message).both(taken).is_empty();
            taken = taken.and(Places::one(*message).both(handled));
            is_free
        })
    }

    /// `within_keys`: an id says something only beside others of its ordering key.
    fn find(subject: &mut dyn Subject, history: &History, within_keys: bool) -> Result<Vec<Places>, Error> {
        let mut named = Vec::with_capacity(history.messages.len());
        for (place, published) in history.messages.iter().enumerate() {
            let key = if within_keys { subject.ordering_key(published, place)? } else { None };
            named.push(((subject.id(published, place)?, key), subject.payload(published, place)?));
        }
        let differ = |one: &(_, String), other: &(_, String)| one.0 == other.0 && one.1 != other.1;
        let with = |one| (0..named.len()).filter(|other| differ(one, &named[*other])).collect::<Places>();
        let with: Vec<Places> = named.iter().map(with).collect();
        Ok(if with.iter().all(|with| with.is_empty()) { Vec::new() } else { with })
    }
}

impl Oracle {
    /// Finds the messages of which one is to be refused, if the contract asks for that.
    ///
    /// # Errors
    /// A message that cannot be made.
    pub(super) fn look_at_ids(&mut self, subject: &mut dyn Subject, history: &History) -> Result<(), Error> {
        let is_asked = self.contract.mismatch_refused && history.messages.len() <= Places::MOST;
        if is_asked && self.conflicts.of != history.messages {
            let with = Conflicts::find(subject, history, self.contract.ids_within_keys)?;
            self.conflicts = Conflicts { of: history.messages.clone(), with };
        }
        Ok(())
    }

    /// Whether a replay that was judged to be violated is right but for a message that had to be refused: then that is what
    /// is wrong with it.
    ///
    /// # Errors
    /// What a store met in a reference run, or a message that cannot be made.
    pub(super) fn is_right_but_for_ids(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<bool, Error> {
        if self.conflicts.is_empty() {
            return Ok(false);
        }
        let conflicts = std::mem::take(&mut self.conflicts);
        let judgement = self.as_promised(subject, history, replay);
        self.conflicts = conflicts;
        Ok(judgement? != Judgement::Violated)
    }

    /// The message that was not refused: of those that share an id with one that was handled, the one that came later.
    pub(super) fn not_refused(&self, replay: &Replay) -> Option<usize> {
        let case = |place: &usize| replay.fates[*place].handled.or(replay.fates[*place].first_delivered);
        let mut came: Vec<usize> = (0..replay.fates.len()).filter(|place| case(place).is_some()).collect();
        came.sort_by_key(case);
        let is_second = |(at, place): (usize, &usize)| {
            let earlier = came[..at].iter().copied().filter(|place| replay.fates[*place].handled.is_some());
            (!self.conflicts.with(*place).both(earlier.collect()).is_empty()).then_some(*place)
        };
        came.iter().enumerate().find_map(is_second)
    }

    /// What is wrong where a message was not refused.
    ///
    /// # Errors
    /// What a store met in a reference run, or a message that cannot be made.
    pub(super) fn explain_mismatch(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Explanation, Error> {
        let message = self.not_refused(replay);
        let mut case = Case::new(&self.contract, history, replay, Order::of_real_time(&replay.fates));
        let refused = message.map(Places::one).unwrap_or_default();
        (case.must, case.may) = (case.must.without(refused), case.may.without(refused));
        let expected = self.expected(subject, &mut case)?;
        let observed = replay.observation.clone();
        Ok(Explanation { anomaly: Anomaly::Mismatch, message, expected, observed, as_if: None })
    }
}
