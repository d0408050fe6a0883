//! One workload that is drawn, for random search.
//!
//! Payloads of a generator differ, as in the family; integers are those that can be told apart. Whole messages are what their
//! generator makes of numbers that are drawn: where it makes few ids, some will share one.

use std::fmt;

use super::{Messages, Source};
use crate::history::Published;

/// More messages than these are not judged in one history, if none comes before another.
const MOST_LISTED: usize = 5;

/// So often is another payload drawn in the place of one that is there already.
const MOST_REDRAWN: u32 = 16;

/// So many messages; fewer if there are not so many that differ. Of a list, all of it, or as many of its first ones as can
/// be judged in any order.
pub(super) fn drawn<P: Clone + fmt::Debug + 'static>(
    source: &Messages<P>,
    count: usize,
    draw: &mut dyn FnMut() -> u32,
) -> Vec<Published> {
    let mut messages: Vec<Published> = match &source.source {
        Source::Exactly(all) => {
            return (0..all.len().min(MOST_LISTED) as u64).map(|seed| source.published(seed)).collect();
        }
        Source::Payloads { integers: Some(integers), .. } => {
            (0..integers.distinct().min(count as u64)).map(|seed| source.published(seed)).collect()
        }
        Source::Payloads { .. } => unlike(source, count, draw),
        Source::Whole(_) => (0..count).map(|_| source.published(seed(draw))).collect(),
    };
    give_keys(source, &mut messages, draw);
    if source.colliding_ids {
        share_ids(source, &mut messages, draw);
    }
    messages
}

fn seed(draw: &mut dyn FnMut() -> u32) -> u64 {
    // It stays below the bits that say how often a value was simplified.
    u64::from(draw())
}

fn unlike<P: Clone + fmt::Debug + 'static>(
    source: &Messages<P>,
    count: usize,
    draw: &mut dyn FnMut() -> u32,
) -> Vec<Published> {
    let mut found: Vec<Published> = Vec::new();
    for _ in 0..count {
        let another = (0..MOST_REDRAWN).map(|_| source.published(seed(draw)));
        found.extend({ another }.find(|next| found.iter().all(|one| one.hash() != next.hash())));
    }
    found
}

/// Each message gets one of the ordering keys, but for those whose generator gave them one.
fn give_keys<P: Clone + fmt::Debug + 'static>(
    source: &Messages<P>,
    messages: &mut [Published],
    draw: &mut dyn FnMut() -> u32,
) {
    let Some(keys) = u32::try_from(source.ordering_keys).ok().filter(|keys| *keys > 0) else { return };
    for (place, message) in messages.iter_mut().enumerate() {
        let key = draw() % keys;
        if source.message(message, place).is_ok_and(|message| message.ordering_key.is_none()) {
            message.ordering_key = Some(format!("key-{key}"));
        }
    }
}

/// Every other message gets the id of one before it.
fn share_ids<P: Clone + fmt::Debug + 'static>(
    source: &Messages<P>,
    messages: &mut [Published],
    draw: &mut dyn FnMut() -> u32,
) {
    for place in 1..messages.len() {
        let (shares, other) = (draw().is_multiple_of(2), draw() as usize % place);
        if shares && let Ok(other) = source.message(&messages[other], other) {
            messages[place].id = Some(other.id);
        }
    }
}
