//! Which deliveries, and rounds of background work, were disturbed: what they did may have to be done again, and what they did not may never be.
//!
//! What a contract makes of it is in `oracle::excuses`. It is hashed where lulls are, since the verdict depends on it.

use std::collections::BTreeSet;

use super::trace::Event;
use crate::history::TaskName;

/// Those that did not come to their end, or of which an operation went wrong. That an acknowledgement was lost, or
/// that the handler asked for the message again, is none of that.
pub(crate) fn disturbed(events: &[Event]) -> BTreeSet<TaskName> {
    let mut disturbed = BTreeSet::new();
    for event in events {
        match event {
            Event::Crashed { lost, .. } => disturbed.extend(lost),
            Event::Step { at, facts, .. } if facts.went_wrong() => {
                disturbed.insert(at.task);
            }
            Event::Cancelled { task, .. } => {
                disturbed.insert(*task);
            }
            Event::RoundEnded { round, panicked: Some(_), .. } => {
                disturbed.insert((*round).into());
            }
            _ => {}
        }
    }
    disturbed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{DeliveryName, RoundName},
        machine::trace::{Answer, Facts, Injected, Origin, Settlement},
        store::Process,
    };

    fn step(facts: Facts) -> Event {
        let at = DeliveryName::new(0, 1).operation(1);
        Event::Step { at, process: Process::new(0, 0), facts, words: None }
    }

    #[test]
    fn a_delivery_is_disturbed_if_it_died_or_an_operation_of_it_went_wrong() {
        let none = Facts::default();
        for facts in [
            Facts { suffered: Some(Injected::Fail), ..none },
            Facts { suffered: Some(Injected::LoseReply), ..none },
            Facts { gave_up: true, ..none },
            Facts { refused: true, ..none },
        ] {
            assert_eq!(disturbed(&[step(none), step(facts)]), [DeliveryName::new(0, 1).into()].into(), "{facts:?}");
        }
        let lost: Vec<TaskName> = vec![DeliveryName::new(1, 2).into(), DeliveryName::new(2, 1).into()];
        let crashed = Event::Crashed { process: Process::new(0, 0), lost: lost.clone() };
        assert_eq!(disturbed(&[step(none), crashed]), lost.into_iter().collect());
        let round = RoundName::new("relay".parse().unwrap(), 0, 1);
        let cancelled = Event::Cancelled { task: round.into(), process: Process::new(0, 0) };
        assert_eq!(disturbed(&[cancelled]), [round.into()].into());
    }

    #[test]
    fn what_ends_by_itself_was_not_disturbed_whatever_the_broker_heard() {
        let (delivery, process) = (DeliveryName::new(0, 1), Process::new(0, 0));
        let events = [
            Event::Delivered { delivery, process: process.clone(), origin: Origin::Overlap },
            step(Facts { changes: true, locks: true, ..Facts::default() }),
            Event::Returned { delivery, process: process.clone(), answer: Answer::Retry("later".to_owned()) },
            Event::Settled { delivery, process: process.clone(), how: Settlement::AckLost },
            // It takes nobody with it.
            Event::Crashed { process, lost: Vec::new() },
        ];
        assert_eq!(disturbed(&events), BTreeSet::new());
    }
}
