//! An execution, read ahead: what each delivery does next, where it stands meanwhile, and what could end its standing.

use std::collections::BTreeMap;

use crate::{
    history::{Coordinate, DeliveryName, Place},
    machine::trace::{Event, Origin},
};

pub(super) struct Record<'a> {
    events: &'a [Event],
    /// For each delivery the events in which it does something or is lost, its beginning left out.
    own: BTreeMap<DeliveryName, Vec<usize>>,
}

impl<'a> Record<'a> {
    pub(super) fn new(events: &'a [Event]) -> Self {
        let mut own: BTreeMap<DeliveryName, Vec<usize>> = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::Delivered { .. } => {}
                Event::Crashed { lost, .. } => {
                    let lost = lost.iter().filter_map(|lost| lost.delivery());
                    lost.for_each(|lost| own.entry(lost).or_default().push(at));
                }
                event => event.delivery().into_iter().for_each(|of| own.entry(of).or_default().push(at)),
            }
        }
        Self { events, own }
    }

    pub(super) fn event(&self, at: usize) -> Option<&'a Event> {
        self.events.get(at)
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The first event from here on in which this delivery does something or is lost.
    pub(super) fn next_of(&self, delivery: DeliveryName, from: usize) -> Option<usize> {
        let own = self.own.get(&delivery)?;
        own.get(own.partition_point(|at| *at < from)).copied()
    }

    /// Where a delivery stands before an event. Of one that is lost before it does anything more nobody knows: it is taken
    /// to stand before the operation after its last.
    pub(super) fn stands_at(&self, delivery: DeliveryName, before: usize) -> Coordinate {
        match self.next_of(delivery, before).map(|at| &self.events[at]) {
            Some(Event::Step { at, .. } | Event::Blocked { at, .. }) => return *at,
            Some(Event::Settled { .. }) => return delivery.ack(),
            _ => {}
        }
        let own = self.own.get(&delivery).map_or(&[][..], Vec::as_slice);
        let mut last = 0;
        for event in own.iter().take_while(|at| **at < before).map(|at| &self.events[*at]) {
            match event {
                Event::Step { at, .. } | Event::Blocked { at, .. } => {
                    if let Place::Operation(number) = at.place {
                        last = last.max(number);
                    }
                }
                Event::Returned { .. } => return delivery.ack(),
                _ => {}
            }
        }
        delivery.operation(last + 1)
    }

    /// What another one could stand for: each point that is passed in these events, and the end of each delivery.
    pub(super) fn arrivals(&self, from: usize, to: usize) -> impl DoubleEndedIterator<Item = (usize, Coordinate)> {
        (from..to.min(self.events.len())).filter_map(|at| {
            let came = match &self.events[at] {
                Event::Step { at, .. } => *at,
                Event::Settled { delivery, .. } => delivery.ack(),
                Event::Crashed { lost, .. } => lost.first()?.delivery()?.ack(),
                Event::Cancelled { task, .. } => task.delivery()?.ack(),
                _ => return None,
            };
            Some((at, came))
        })
    }

    /// The last point that was passed at each time before an event, the latest first.
    pub(super) fn last_points(&self, before: usize) -> impl Iterator<Item = usize> {
        let mut clock_moved = true;
        (0..before).rev().filter(move |at| {
            clock_moved |= matches!(self.events[*at], Event::Clock { .. });
            self.events[*at].point().is_some() && std::mem::take(&mut clock_moved)
        })
    }

    /// The last of these events at which nobody could have run: a delivery that the broker makes by itself.
    pub(super) fn last_idle(&self, from: usize, to: usize) -> Option<usize> {
        let by_itself =
            |event: &Event| matches!(event, Event::Delivered { origin: Origin::First | Origin::Redelivery, .. });
        (from..to.min(self.events.len())).rev().find(|at| by_itself(&self.events[*at]))
    }

    /// Before which of these events somebody must be able to run who goes on at the end of them: before one that frees a lock,
    /// if another delivery waits for it that acts only later. Where both can run from that event on, `before` says whether the
    /// other one would be first.
    pub(super) fn in_time(&self, from: usize, to: usize, before: impl Fn(DeliveryName) -> bool) -> usize {
        let waits = |event: usize| {
            self.events[..event].iter().filter_map(move |blocked| match blocked {
                Event::Blocked { at: point, .. } => {
                    let acts = |event: &Event| matches!(event, Event::Step { at, .. } if at == point);
                    self.events[to..].iter().any(acts).then_some(point.delivery()?)
                }
                _ => None,
            })
        };
        let freeing = (from..to.min(self.events.len())).filter(|at| frees(&self.events[*at]));
        let limit = |at| waits(at).map(|other| if before(other) { at } else { at + 1 }).min();
        freeing.filter_map(limit).min().unwrap_or(to)
    }

    /// Whether the clock seems to have moved by itself at this event: somebody goes on right after it who waited for that.
    pub(super) fn moved_by_itself(&self, at: usize) -> bool {
        match self.events.get(at + 1) {
            Some(Event::Delivered { origin, .. }) => *origin != Origin::Overlap,
            Some(Event::Step { facts, .. }) => facts.gave_up,
            _ => false,
        }
    }

    /// The next time that this delivery of a message begins.
    pub(super) fn begins(&self, delivery: DeliveryName, from: usize) -> Option<usize> {
        let begins = |event: &Event| matches!(event, Event::Delivered { delivery: of, .. } if *of == delivery);
        (from..self.events.len()).find(|at| begins(&self.events[*at]))
    }

    /// Where what is put off past a message now comes: where that is handled, put aside for good or asked for again.
    pub(super) fn lets_come(&self, message: usize, from: usize) -> Option<usize> {
        use crate::machine::trace::{Answer, Settlement};
        let over = |event: &Event| match event {
            Event::Returned { delivery, answer: Answer::Done(_), .. }
            | Event::Settled {
                delivery,
                how: Settlement::DeadLettered | Settlement::Nacked | Settlement::Ignored,
                ..
            } => delivery.message == message,
            _ => false,
        };
        (from..self.events.len()).find(|at| over(&self.events[*at]))
    }

    /// Whether a further copy of this message begins from here on, and if so, whether the broker seems to hand out one by
    /// itself.
    pub(super) fn further_copy(&self, message: usize, from: usize) -> Option<bool> {
        let copy = |event: &Event| matches!(event, Event::Delivered { delivery, origin: Origin::Copy, .. } if delivery.message == message);
        let copies: Vec<usize> = (from..self.events.len()).filter(|at| copy(&self.events[*at])).collect();
        (!copies.is_empty()).then(|| copies.iter().any(|at| self.begins_by_itself(*at)))
    }

    /// Whether the broker seems to hand out this delivery by itself, after something ended, rather than beside one that stands.
    pub(super) fn begins_by_itself(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| &self.events[before]);
        matches!(
            before,
            Some(Event::Settled { .. } | Event::Crashed { .. } | Event::Cancelled { .. } | Event::Clock { .. })
        )
    }
}

pub(super) fn frees(event: &Event) -> bool {
    match event {
        Event::Step { facts, .. } => facts.frees,
        Event::Crashed { .. } | Event::Cancelled { .. } => true,
        _ => false,
    }
}
