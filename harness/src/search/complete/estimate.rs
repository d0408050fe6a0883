//! How many schedules a bounded workload has, before any is tried: what a search without reduction would have to go through.

use super::Bounds;
use crate::machine::trace::{Event, Replay};

/// Beyond this nobody counts.
const MOST: u128 = u128::MAX;

/// About how many schedules there are, with and without crashes, if every delivery of a message takes as many steps as the
/// longest did in this plain run. `u128::MAX` where that is too many to be counted.
pub(super) fn schedules(plain: &Replay, bounds: &Bounds, messages: usize) -> u128 {
    let steps: Vec<usize> = (0..messages).map(|message| longest(plain, message)).collect();
    let hands: Vec<Vec<usize>> = (0..bounds.processes)
        .map(|process| {
            let dealt = (process..messages * bounds.copies).step_by(bounds.processes);
            dealt.map(|delivery| steps[delivery / bounds.copies]).collect()
        })
        .collect();
    let mut lengths: Vec<usize> = hands.iter().map(|hand| hand.iter().sum()).collect();
    with_crashes(&mut lengths, &hands, bounds.crashes, 0)
}

/// Those of so many steps for each process, and those with up to so many crashes more. Crashes are counted in the order of
/// processes, deliveries and points, from this process on.
fn with_crashes(lengths: &mut Vec<usize>, hands: &[Vec<usize>], crashes: usize, from: usize) -> u128 {
    let mut sum = interleavings(lengths);
    if crashes == 0 || sum == MOST {
        return sum;
    }
    for process in from..hands.len() {
        for steps in &hands[process] {
            for done in 1..*steps {
                // What was done is done again, and the crash is a step.
                lengths[process] += done + 1;
                sum = sum.saturating_add(with_crashes(lengths, hands, crashes - 1, process));
                lengths[process] -= done + 1;
                if sum == MOST {
                    return sum;
                }
            }
        }
    }
    sum
}

/// In how many orders sequences of these lengths can be merged: a multinomial coefficient.
fn interleavings(lengths: &[usize]) -> u128 {
    let mut total = 0_u128;
    let mut orders = 1_u128;
    for length in lengths {
        for place in 1..=*length as u128 {
            total += 1;
            let Some(more) = orders.checked_mul(total) else { return MOST };
            orders = more / place;
        }
    }
    orders
}

/// The steps of the longest delivery of a message, its acknowledgement included.
fn longest(plain: &Replay, message: usize) -> usize {
    let mut steps = std::collections::BTreeMap::new();
    for event in &plain.events {
        if let (Event::Step { .. } | Event::Settled { .. }, Some(delivery)) = (event, event.delivery())
            && delivery.message == message
        {
            *steps.entry(delivery).or_insert(0) += 1;
        }
    }
    steps.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_of_the_reference_cell_are_counted_as_by_hand() {
        assert_eq!(interleavings(&[3, 3]), 20);
        let hands = vec![vec![2, 2]; 3];
        assert_eq!(with_crashes(&mut vec![4, 4, 4], &hands, 0, 0), 34_650);
        assert_eq!(with_crashes(&mut vec![4, 4, 4], &hands, 1, 0), 1_295_910);
    }

    #[test]
    fn what_is_too_much_to_be_counted_is_said_to_be() {
        assert_eq!(interleavings(&[100, 100, 100]), MOST);
    }

    #[test]
    fn the_longest_delivery_of_a_message_is_counted() {
        use crate::{
            KeyValue,
            history::Fault,
            machine::testing::{Given, Stage, delivery},
        };
        let mut stage = Stage::new(KeyValue::new("kv"), async |kv: &KeyValue, given: &Given| {
            kv.put("a", "1").await?;
            if given.message == 0 || given.attempt > 1 {
                kv.put("a", "2").await?;
            }
            kv.put("a", "3").await
        });
        let plain = stage.replay(2, &[]);
        assert_eq!([0, 1, 2].map(|message| longest(&plain, message)), [4, 3, 0]);
        let again = stage.replay(2, &[Fault::LoseAck { delivery: delivery(1, 1) }]);
        assert_eq!([0, 1, 2].map(|message| longest(&again, message)), [4, 4, 0]);
    }
}
