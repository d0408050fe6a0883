//! By how much the clock is advanced: a ladder that stands in every verdict, one tick to either side of each period that is
//! known, and to the deadlines that operations set.

use std::{collections::BTreeSet, time::Duration};

use crate::History;

/// Past a short retry, a lease of half a minute, of five minutes, of an hour, a window of a day.
pub(crate) const LADDER: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(31),
    Duration::from_secs(5 * 60 + 1),
    Duration::from_secs(60 * 60 + 1),
    Duration::from_secs(24 * 60 * 60 + 1),
];

/// The clock counts milliseconds.
const TICK: Duration = Duration::from_millis(1);

/// All amounts that are tried wherever the clock may jump, smallest first.
pub(crate) fn ladder(periods: &[Duration]) -> Vec<Duration> {
    let beside = periods.iter().flat_map(|period| [period.saturating_sub(TICK), period.saturating_add(TICK)]);
    let mut amounts: Vec<Duration> = LADDER.into_iter().chain(beside).filter(|by| !by.is_zero()).collect();
    amounts.sort_unstable();
    amounts.dedup();
    amounts
}

/// When the clock stands at `now`, the amounts that take it to each deadline that is still to come, and one tick to either
/// side. To the deadline itself as well, since `<` and `<=` differ there and nowhere else.
pub(super) fn to_deadlines(deadlines: &BTreeSet<Duration>, now: Duration) -> impl Iterator<Item = Duration> {
    let ahead = deadlines.range(now..).map(move |deadline| whole_ticks(*deadline - now));
    let beside = ahead.flat_map(|by| [by, by.saturating_add(TICK), by.saturating_sub(TICK)]);
    beside.filter(|by| !by.is_zero() && *by <= History::MAX_ADVANCE)
}

/// As many ticks as it takes for so long to be over.
fn whole_ticks(span: Duration) -> Duration {
    let past = span.subsec_nanos() % 1_000_000;
    if past == 0 { span } else { span.saturating_add(TICK - Duration::from_nanos(u64::from(past))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_period_is_tried_one_tick_to_either_side() {
        let amounts = ladder(&[Duration::from_secs(30), TICK]);
        let millis: Vec<u128> = amounts.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [2, 1_000, 29_999, 30_001, 31_000, 301_000, 3_601_000, 86_401_000]);
    }

    fn micros_to(deadline: Duration, now: Duration) -> Vec<u128> {
        to_deadlines(&BTreeSet::from([deadline]), now).map(|by| by.as_micros()).collect()
    }

    #[test]
    fn a_deadline_is_reached_from_where_the_clock_stands() {
        let second = Duration::from_secs(1);
        assert_eq!(micros_to(10 * second, second), [9_000_000, 9_001_000, 8_999_000]);
        assert_eq!(micros_to(second, second), [1_000], "now is the deadline: there is only after");
        assert_eq!(micros_to(second, 2 * second), [0; 0], "it is over");
    }

    #[test]
    fn a_history_can_be_written_of_each_amount() {
        // The clock counts whole milliseconds: a deadline within one is over at the next.
        assert_eq!(micros_to(Duration::from_micros(1_500), Duration::ZERO), [2_000, 3_000, 1_000]);
        assert_eq!(micros_to(Duration::MAX, Duration::ZERO), [0; 0], "for ever");
        let longest = History::MAX_ADVANCE;
        assert_eq!(micros_to(longest, Duration::ZERO), [longest, longest - TICK].map(|by| by.as_micros()));
    }
}
