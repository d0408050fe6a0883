//! Exactly once: what is seen equals what a reference run leaves (linearizability with exactly-once operations, as in RIFL,
//! SOSP 2015).
//!
//! Which reference runs a history has is worked out in `case`; here they are compared with what is seen, the likeliest
//! first: this runs for every history that is searched.

use super::{
    Judgement, Oracle,
    case::{Case, Wanted, was_calm},
    order::{Order, Places},
    reference::Run,
    replies::Heard,
};
use crate::{
    Error, History,
    machine::{Turn, trace::Replay},
    subject::Subject,
};

/// More messages than this, each unordered with each, are not judged.
pub(super) const MOST_UNORDERED: usize = 5;

impl Oracle {
    /// Whether every message took effect exactly once in a replay that has an end.
    ///
    /// # Errors
    /// What a store met in a reference run, or a message that cannot be made.
    pub(super) fn exactly_once(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Judgement, Error> {
        if history.messages.len() > Places::MOST {
            return Ok(Judgement::Inconclusive(format!("more than {} messages", Places::MOST)));
        }
        if self.agrees_at_once(subject, history, replay)? {
            return Ok(Judgement::Agrees);
        }
        let mut case = self.case(subject, history, replay)?;
        if case.order.unordered_beyond(MOST_UNORDERED, case.must.and(case.may)) {
            let why = format!("more than {MOST_UNORDERED} messages are unordered: there are too many right orders");
            return Ok(Judgement::Inconclusive(why));
        }
        if self.finds_it_right(subject, &mut case)? {
            return Ok(Judgement::Agrees);
        }
        if let Some(why) = case.unclear {
            return Ok(Judgement::Inconclusive(why));
        }
        if !(self.contract.allow_not_isolated && was_calm(replay)) {
            return Ok(Judgement::Violated);
        }
        // That messages disturb each other is allowed; that one overtook another within its key is not, nor that one which
        // had to be refused was not.
        if self.is_right_but_for_ids(subject, history, replay)? {
            return Ok(Judgement::Violated);
        }
        let mut without_contract = Case::new(&self.contract, history, replay, Order::of_real_time(&replay.fates));
        let forbidden = self.contract.order_published && self.finds_it_right(subject, &mut without_contract)?;
        Ok(match (forbidden, without_contract.unclear) {
            (true, _) => Judgement::Violated,
            (false, Some(why)) => Judgement::Inconclusive(why),
            (false, None) => Judgement::Agrees,
        })
    }

    /// What a replay asks of reference runs.
    pub(super) fn case<'a>(
        &self,
        subject: &mut dyn Subject,
        history: &'a History,
        replay: &'a Replay,
    ) -> Result<Case<'a>, Error> {
        let mut order = Order::of_real_time(&replay.fates);
        if self.contract.order_published {
            let mut keys = Vec::with_capacity(history.messages.len());
            for (place, published) in history.messages.iter().enumerate() {
                keys.push(subject.ordering_key(published, place)?);
            }
            order = order.and_as_published(&keys);
        }
        Ok(Case::new(&self.contract, history, replay, order))
    }

    /// Whether what is seen is what the likeliest reference run leaves: every message in the order in which they were
    /// handled. Real time always allows that order.
    fn agrees_at_once(&mut self, subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<bool, Error> {
        if !self.conflicts.is_empty() {
            return Ok(false);
        }
        let mut used = super::reference::Used::default();
        let turns = &mut self.likeliest.turns;
        turns.clear();
        for (message, fate) in replay.fates.iter().enumerate() {
            let (Some(_), Some(first)) = (fate.handled, fate.supplied.first()) else { return Ok(false) };
            for supplied in &fate.supplied {
                if supplied.read_clock {
                    used.clock.insert(message);
                }
                if supplied.drew {
                    used.random.insert(message);
                }
            }
            turns.push(Turn::supplied(message, &used.of_supply(message, first, first)));
        }
        turns.sort_unstable_by_key(|turn| replay.fates[turn.message].handled);
        if self.contract.order_published && !turns.is_sorted_by_key(|turn| turn.message) {
            return Ok(false);
        }
        self.likeliest.until = used.seen_at(replay);
        let run = self.references.run(subject, history, &self.likeliest)?;
        let everyone: Places = self.likeliest.turns.iter().map(|turn| turn.message).collect();
        Ok(run.endless.is_none()
            && everyone.without(run.done).is_empty()
            && run.used.within(used)
            && run.observation == replay.observation
            && Heard::of(history, replay).is_of(run))
    }

    /// Whether some reference run leaves what is seen, and answers what was heard.
    pub(super) fn finds_it_right(&mut self, subject: &mut dyn Subject, case: &mut Case<'_>) -> Result<bool, Error> {
        Ok(self.finds(subject, case, &mut |case, run| case.agrees(run))?.is_some())
    }

    /// The order of the messages in the first right run that is accepted.
    pub(super) fn finds(
        &mut self,
        subject: &mut dyn Subject,
        case: &mut Case<'_>,
        accept: &mut dyn FnMut(&mut Case<'_>, &Run) -> bool,
    ) -> Result<Option<Vec<usize>>, Error> {
        for present in case.may.subsets() {
            let wanted =
                Wanted { take: case.must.and(present), order: case.order.clone(), like: Vec::new(), done: case.must };
            let conflicts = &self.conflicts;
            let found = case.find(&mut self.references, subject, &wanted, |case, run, order| {
                conflicts.allow(order, case.must) && accept(case, run)
            })?;
            if found.is_some() {
                return Ok(found);
            }
            if case.is_over() {
                return Ok(None);
            }
        }
        self.finds_repeated(subject, case, accept)
    }
}
