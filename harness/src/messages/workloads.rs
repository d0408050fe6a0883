//! The family of workloads: which sets of messages are searched.
//!
//! One message; two unlike; two of one ordering key; two with equal payloads; a message and its inverse where the type gives
//! one; and one more of unlike messages for each number above two. Where a contract asks for more, two more. A list of
//! messages is searched as it stands.

use std::{collections::BTreeSet, fmt};

use super::{INVERSE, Messages, Source};
use crate::{history::Published, subject::Workload};

/// The ordering key that the family's messages of one key share.
const KEY: &str = "key";
/// And that of one beside them.
const OTHER_KEY: &str = "other";

/// After this many seeds a generator is taken to make only equal messages.
const MOST_SEEDS: u64 = 64;

/// The names of workloads of three and more unlike messages.
const UNLIKE: [&str; 3] = ["three unlike", "four unlike", "five unlike"];

/// Pairs of messages that a contract says something of, beyond those of every family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contrasts {
    /// Two that share an id and differ.
    pub(crate) shared_id: bool,
    /// Two with equal payloads and different ids, also where ids are generated.
    pub(crate) equal_payloads: bool,
    /// Two that share an id and differ in their ordering key.
    pub(crate) shared_id_apart: bool,
}

/// The family for one source, smallest first.
pub(super) fn family<P: Clone + fmt::Debug + 'static>(source: &Messages<P>, at_most: usize) -> Vec<Workload> {
    if let Source::Exactly(all) = &source.source {
        let messages = (0..all.len() as u64).map(|seed| source.published(seed)).collect();
        return vec![Workload { name: "the messages listed", messages }];
    }
    let unlike = unlike(source, at_most.max(2));
    let mut family = vec![Workload { name: "one message", messages: unlike[..1].to_vec() }];
    if at_most >= 2 {
        family.extend(pairs(source, &unlike));
    }
    for count in 3..=at_most {
        if let (Some(name), Some(messages)) = (UNLIKE.get(count - 3), unlike.get(..count)) {
            family.push(Workload { name, messages: messages.to_vec() });
        }
    }
    family
}

fn pairs<P: Clone + fmt::Debug + 'static>(source: &Messages<P>, unlike: &[Published]) -> Vec<Workload> {
    let first = &unlike[0];
    let mut pairs = Vec::new();
    if let Some(second) = unlike.get(1) {
        pairs.push(Workload { name: "two unlike", messages: vec![first.clone(), second.clone()] });
        if !matches!(source.source, Source::Whole(_)) {
            let keyed = |one: &Published| Published { ordering_key: Some(KEY.to_owned()), ..one.clone() };
            pairs.push(Workload { name: "two of one ordering key", messages: vec![keyed(first), keyed(second)] });
        }
    }
    // Two whole messages of one seed share their id too: that is another intent under a used id, not an equal payload.
    if let Source::Payloads { integers, .. } = &source.source {
        pairs.push(Workload { name: "two with equal payloads", messages: vec![first.clone(), first.clone()] });
        if integers.is_some_and(super::ToldApart::has_inverse) {
            pairs.push(Workload {
                name: "a message and its inverse",
                messages: vec![first.clone(), source.published(INVERSE)],
            });
        }
    }
    pairs
}

impl<P: Clone + fmt::Debug + 'static> Messages<P> {
    /// So many messages, each with an id of its own, also where there are fewer to be had.
    pub(crate) fn many(&self, count: usize) -> Vec<Published> {
        let some = match &self.source {
            Source::Exactly(all) => (0..all.len() as u64).map(|seed| self.published(seed)).collect(),
            Source::Payloads { .. } | Source::Whole(_) => unlike(self, count),
        };
        let mut ids = BTreeSet::new();
        let with_id = |(place, one): (usize, &Published)| {
            let id = self.message(one, place).ok()?.id;
            if ids.insert(id.clone()) {
                return Some(one.clone());
            }
            let fresh = (2..).map(|nth| format!("{id}~{nth}")).find(|fresh| ids.insert(fresh.clone()));
            Some(Published { id: fresh, ..one.clone() })
        };
        some.iter().cycle().take(count).enumerate().filter_map(with_id).collect()
    }

    /// The pairs that a contract says something of.
    pub(crate) fn contrasting(&self, at_most: usize, contrasts: Contrasts) -> Vec<Workload> {
        let mut pairs = Vec::new();
        if at_most < 2 || contrasts == Contrasts::default() || matches!(self.source, Source::Exactly(_)) {
            return pairs;
        }
        let unlike = unlike(self, MOST_SEEDS as usize);
        let made: Vec<_> = unlike.iter().filter_map(|one| self.message(one, 0).ok()).collect();
        let Some((first, message)) = unlike.first().zip(made.first()) else { return pairs };
        let differs = |at: &usize| format!("{:?}", made[*at].payload) != format!("{:?}", message.payload);
        if let Some(at) = (1..made.len()).find(differs).filter(|_| contrasts.shared_id) {
            let second = Published { id: Some(message.id.clone()), ..unlike[at].clone() };
            pairs.push(Workload { name: "two that share an id and differ", messages: vec![first.clone(), second] });
        }
        if let Some(at) = (1..made.len()).find(differs).filter(|_| contrasts.shared_id_apart) {
            let of_key = |one: &Published, key: &str| Published {
                id: Some(message.id.clone()),
                ordering_key: Some(key.to_owned()),
                ..one.clone()
            };
            let messages = vec![of_key(first, KEY), of_key(&unlike[at], OTHER_KEY)];
            pairs.push(Workload { name: "two that share an id, of two ordering keys", messages });
        }
        // Where only payloads are generated every family has such a pair.
        let is_whole = matches!(self.source, Source::Whole(_));
        if let Some(other) = made.iter().find(|other| contrasts.equal_payloads && is_whole && other.id != message.id) {
            let second = Published { id: Some(other.id.clone()), ..first.clone() };
            pairs.push(Workload { name: "two with equal payloads", messages: vec![first.clone(), second] });
        }
        pairs
    }
}

/// The first so many messages that print differently, or as many as there are.
fn unlike<P: Clone + fmt::Debug + 'static>(source: &Messages<P>, count: usize) -> Vec<Published> {
    let mut found: Vec<Published> = Vec::new();
    let most = match &source.source {
        Source::Payloads { integers: Some(integers), .. } => integers.distinct().min(MOST_SEEDS),
        _ => MOST_SEEDS,
    };
    for seed in 0..most {
        let next = source.published(seed);
        if found.iter().all(|one| one.hash() != next.hash()) {
            found.push(next);
        }
        if found.len() == count {
            break;
        }
    }
    found
}
