//! By how much the clock is advanced: a ladder that stands in every verdict, and one tick to either side of each period
//! that is known.

use std::time::Duration;

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

/// All amounts that are tried, smallest first.
pub(crate) fn ladder(periods: &[Duration]) -> Vec<Duration> {
    let beside = periods.iter().flat_map(|period| [period.saturating_sub(TICK), period.saturating_add(TICK)]);
    let mut amounts: Vec<Duration> = LADDER.into_iter().chain(beside).filter(|by| !by.is_zero()).collect();
    amounts.sort_unstable();
    amounts.dedup();
    amounts
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
}
