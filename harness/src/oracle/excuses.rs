//! Effects in the outside world that happened more often than in a reference run, or not at all, and are excused.
//!
//! Nobody can do a plain effect exactly once across a crash: without an excuse every correct outbox would be called broken.
//! What is excused is narrow. Repeated may be what *is* to happen, and only so often as a delivery let it happen that was
//! disturbed (`machine::disturbed`): what was done for another message, or again because an acknowledgement was lost, is no
//! part of that. Missing may be what a disturbed message should have done. All else in an observation has no excuse.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    Contract, Guarantee, Observation,
    history::TaskName,
    machine::{disturbed, trace::Replay},
    store::{Effect, Performed, Performer, Seen},
};

/// What a contract excuses in a replay.
pub(super) struct Excuses {
    guarantees: BTreeMap<String, Guarantee>,
    disturbed: BTreeSet<TaskName>,
}

impl Excuses {
    pub(super) fn of(contract: &Contract, replay: &Replay) -> Self {
        Self { guarantees: contract.effects.clone(), disturbed: disturbed(&replay.events) }
    }

    /// Whether what is observed is what a reference run left, but for what is excused.
    pub(super) fn alike(&self, observed: &Observation, left: &Observation) -> bool {
        let (observed, left) = (observed.parts(), left.parts());
        observed.len() == left.len() && observed.iter().zip(left).all(|(seen, left)| self.part_alike(seen, left))
    }

    /// The same for a part of it.
    pub(super) fn part_alike(&self, observed: &(Arc<str>, Seen), left: &(Arc<str>, Seen)) -> bool {
        match (observed, left) {
            ((name, Seen::Performed(seen)), (other, Seen::Performed(left))) if name == other => {
                pairs(seen, left).iter().all(|(what, seen, left)| self.excuses(what, seen, left))
            }
            _ => observed == left,
        }
    }

    /// Whether this may have happened so often, where it should have happened so often.
    fn excuses(&self, what: &str, seen: &[Performer], left: &[Performer]) -> bool {
        match seen.len().cmp(&left.len()) {
            Ordering::Equal => true,
            Ordering::Greater => self.excuses_repeats(what, seen, left),
            Ordering::Less => self.excuses_absence(what, seen, left),
        }
    }

    fn excuses_repeats(&self, what: &str, seen: &[Performer], left: &[Performer]) -> bool {
        let may_repeat = |by: &Performer| self.guarantee(what, *by) == Guarantee::AtLeastOnce;
        let in_vain = seen.iter().filter(|by| may_repeat(by) && self.disturbed.contains(&by.on_behalf)).count();
        // Whoever lets it happen anyway, and was not disturbed, repeated it for no reason of another's.
        let repeats_its_own = |by: &Performer| {
            let its_own = count(left, *by);
            !self.was_disturbed(*by) && its_own > 0 && count(seen, *by) > its_own
        };
        !left.is_empty() && seen.len() - left.len() <= in_vain && !seen.iter().any(repeats_its_own)
    }

    fn excuses_absence(&self, what: &str, seen: &[Performer], left: &[Performer]) -> bool {
        let mut who: Vec<Performer> = left.to_vec();
        who.dedup_by(|one, other| acts_for_the_same(*one, *other));
        who.retain(|by| self.guarantee(what, *by) == Guarantee::AtMostOnce && self.was_disturbed(*by));
        let missing: usize = who.iter().map(|by| count(left, *by).saturating_sub(count(seen, *by))).sum();
        left.len() - seen.len() <= missing
    }

    fn guarantee(&self, what: &str, by: Performer) -> Guarantee {
        let default = if by.by_key { Guarantee::ExactlyOnce } else { Guarantee::AtLeastOnce };
        self.guarantees.get(what).copied().unwrap_or(default)
    }

    /// Whether any delivery, or round, was disturbed of the message, or the work, for which this one acts.
    fn was_disturbed(&self, by: Performer) -> bool {
        let of_it = |task: &TaskName| acts_for_the_same(Performer { on_behalf: *task, ..by }, by);
        self.disturbed.iter().any(of_it)
    }
}

/// Whether both act for one message, or do the same work in the background.
fn acts_for_the_same(one: Performer, other: Performer) -> bool {
    match (one.on_behalf, other.on_behalf) {
        (TaskName::Delivery(one), TaskName::Delivery(other)) => one.message == other.message,
        (TaskName::Round(one), TaskName::Round(other)) => one.work == other.work,
        _ => false,
    }
}

/// How often one let it happen who acts for the same.
fn count(performers: &[Performer], for_whom: Performer) -> usize {
    performers.iter().filter(|by| acts_for_the_same(**by, for_whom)).count()
}

/// Each thing that happened on either side, with who let it happen on both.
fn pairs<'a>(seen: &'a Performed, left: &'a Performed) -> Vec<(&'a str, &'a [Performer], &'a [Performer])> {
    let find = |side: &'a Performed, it: &Effect| -> Option<&'a Effect> {
        side.effects().iter().find(|effect| effect.what == it.what && effect.detail == it.detail)
    };
    let by = |effect: Option<&'a Effect>| effect.map_or(&[][..], |effect| &effect.by[..]);
    let both = seen.effects().iter().map(|effect| (effect.what.as_str(), &effect.by[..], by(find(left, effect))));
    let absent = left.effects().iter().filter(|effect| find(seen, effect).is_none());
    both.chain(absent.map(|effect| (effect.what.as_str(), &[][..], &effect.by[..]))).collect()
}
