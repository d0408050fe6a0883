//! What the faults of a history aim at: told once for each replay, so that no step walks through all of them.

use crate::history::{Coordinate, Fault, Place, TaskName};

/// What is known of faults before any of them acts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aims {
    /// A bit for each point at which a fault is to act. Points can share one.
    points: u64,
    /// Something is put off.
    pub(super) defers: bool,
    /// The broker holds second copies.
    pub(super) holds: bool,
    /// Clocks run ahead or behind.
    pub(super) skews: bool,
}

impl Aims {
    pub(super) fn of(faults: &[Fault]) -> Self {
        let mut aims = Self::default();
        for fault in faults {
            aims.defers |= matches!(fault, Fault::Defer { .. });
            aims.holds |= matches!(fault, Fault::Duplicate { at: None, .. });
            aims.skews |= matches!(fault, Fault::Skew { .. });
            aims.points |= fault.coordinate().map_or(0, bit);
        }
        aims
    }

    /// Whether a fault may be to act at this point. Mostly none is, and then this says so.
    pub(super) fn any_at(self, point: Coordinate) -> bool {
        self.points & bit(point) != 0
    }
}

/// The bit of a point: small numbers, which differ in few places, come to different ones.
fn bit(point: Coordinate) -> u64 {
    let (whose, number) = match point.task {
        TaskName::Delivery(delivery) => (delivery.message, delivery.number),
        TaskName::Round(round) => (round.process, round.number),
    };
    let place = match point.place {
        Place::Operation(number) => number,
        Place::Ack => 0,
    };
    1 << ((whose as u32).wrapping_mul(29).wrapping_add(number.wrapping_mul(13)).wrapping_add(place) % u64::BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Deferred, DeliveryName};

    #[test]
    fn every_point_that_is_aimed_at_is_known_and_few_others_are() {
        let points: Vec<Coordinate> = (0..4)
            .flat_map(|message| (1..4).map(move |number| DeliveryName::new(message, number)))
            .flat_map(|delivery| (1..8).map(move |n| delivery.operation(n)).chain([delivery.ack()]))
            .collect();
        for at in &points {
            let aims = Aims::of(&[Fault::Crash { at: *at }]);
            assert!(aims.any_at(*at));
            let others = points.iter().filter(|other| aims.any_at(**other)).count();
            assert!(others <= 4, "{at} is one of {others}");
        }
    }

    #[test]
    fn what_acts_elsewhere_aims_at_no_point() {
        let held = Aims::of(&[Fault::Duplicate { message: 0, at: None }]);
        assert!(held.holds && !held.defers && held.points == 0);
        let deferred = Aims::of(&[Fault::Defer { what: Deferred::Message(0), past: 1 }]);
        assert!(deferred.defers && !deferred.holds && deferred.points == 0);
        let lost = DeliveryName::new(0, 1);
        assert!(Aims::of(&[Fault::LoseAck { delivery: lost }]).any_at(lost.ack()));
    }
}
