//! Whether a replay can be judged without more reference runs than are looked at, told before any is made.
//!
//! Histories that somebody wrote are judged all the same, and come out inconclusive; those that are generated are cut down.

use super::{
    case::{MOST_RUNS, times_of},
    exactly_once::MOST_UNORDERED,
    order::{Order, Places},
};
use crate::machine::trace::{Fate, Replay};

/// Whether so few reference runs answer for this replay that they are all looked at. Half of what is looked at is kept for
/// runs in which a handler turns out to use a clock that it did not use in the history.
pub(crate) fn within_caps(replay: &Replay) -> bool {
    let fates = &replay.fates;
    if fates.len() > MOST_UNORDERED {
        return false;
    }
    let varies =
        |fate: &Fate| fate.supplied.iter().any(|supplied| supplied.drew || supplied.read_clock || supplied.copy > 0);
    // Five messages in every order, some of which need not be there, are few enough.
    if !fates.iter().any(varies) {
        return true;
    }
    let turns = fates.iter().enumerate().map(|(message, fate)| {
        let time = |number: usize| times_of(replay, message, number as u32 + 1).len();
        let each = |number: usize| if fate.supplied.iter().any(|one| one.read_clock) { time(number) } else { 1 };
        let present: usize = if varies(fate) { (0..fate.supplied.len()).map(each).sum() } else { 1 };
        present.max(1) + usize::from(fate.handled.is_none())
    });
    let turns = turns.fold(1, usize::saturating_mul);
    let orders = orders(&Order::of_real_time(fates), (0..fates.len()).collect());
    orders.saturating_mul(turns) <= MOST_RUNS / 2
}

/// In how many orders these messages can come.
fn orders(order: &Order, left: Places) -> usize {
    if left.is_empty() {
        return 1;
    }
    let first = left.iter().filter(|place| order.before(*place).both(left).is_empty());
    first.map(|place| orders(order, left.without(Places::one(place)))).sum()
}
