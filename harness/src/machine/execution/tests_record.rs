//! What is read ahead of an execution that is written down by hand: where a delivery goes on, where it stands meanwhile, and
//! what comes when.

use std::time::Duration;

use super::record::Record;
use crate::{
    Process,
    history::{Coordinate, DeliveryName},
    machine::{
        testing::{at, delivery},
        trace::{Answer, Event, Facts, Origin, Settlement},
    },
};

fn process() -> Process {
    Process::new(0, 0)
}

fn delivered(message: usize, number: u32, origin: Origin) -> Event {
    Event::Delivered { delivery: delivery(message, number), process: process(), origin }
}

fn step_with(at: Coordinate, facts: Facts) -> Event {
    Event::Step { at, process: process(), facts, words: None }
}

fn step(at: Coordinate) -> Event {
    step_with(at, Facts::default())
}

fn blocked(at: Coordinate) -> Event {
    Event::Blocked { at, process: process(), until: Duration::from_secs(30), words: None }
}

fn returned(message: usize, answer: Answer) -> Event {
    Event::Returned { delivery: delivery(message, 1), process: process(), answer }
}

fn settled(message: usize, how: Settlement) -> Event {
    Event::Settled { delivery: delivery(message, 1), process: process(), how }
}

fn crashed(lost: &[DeliveryName]) -> Event {
    Event::Crashed { process: process(), lost: lost.iter().map(|lost| (*lost).into()).collect() }
}

fn cancelled(message: usize) -> Event {
    Event::Cancelled { task: delivery(message, 1).into(), process: process() }
}

fn clock() -> Event {
    Event::Clock { to: Duration::from_secs(1) }
}

fn retry() -> Answer {
    Answer::Retry("later".to_owned())
}

#[test]
fn a_delivery_goes_on_with_its_next_event_or_is_lost() {
    let events = [
        delivered(0, 1, Origin::First),
        delivered(1, 1, Origin::First),
        step(at(0, 1, 1)),
        step(at(1, 1, 1)),
        crashed(&[delivery(0, 1)]),
    ];
    let record = Record::new(&events);
    let next = [0, 2, 3, 5].map(|from| record.next_of(delivery(0, 1), from));
    assert_eq!(next, [Some(2), Some(2), Some(4), None], "its beginning is left out");
    assert_eq!(record.next_of(delivery(2, 1), 0), None);
    assert_eq!((record.len(), record.event(4), record.event(5)), (5, Some(&events[4]), None));
}

#[test]
fn a_delivery_stands_before_what_it_does_next() {
    let of = delivery(0, 1);
    let stands = |events: &[Event], before| Record::new(events).stands_at(of, before);
    let lost = [step(at(0, 1, 1)), blocked(at(0, 1, 2)), crashed(&[of])];
    assert_eq!([0, 1, 2].map(|before| stands(&lost, before)), [at(0, 1, 1), at(0, 1, 2), at(0, 1, 3)]);
    let at_once = [step(at(0, 1, 2)), step(at(0, 1, 1)), crashed(&[of])];
    assert_eq!(stands(&at_once, 2), at(0, 1, 3), "after the last by its number, not by its time");
    let answers = [step(at(0, 1, 1)), returned(0, Answer::DONE), settled(0, Settlement::Acked)];
    assert_eq!(stands(&answers, 1), at(0, 1, 2), "it has not returned by then");
    assert_eq!(stands(&answers, 2), of.ack());
    assert_eq!(stands(&[settled(0, Settlement::Acked)], 0), of.ack());
    assert_eq!(stands(&[returned(0, Answer::DONE), crashed(&[of])], 1), of.ack());
    assert_eq!(stands(&[step(at(1, 1, 4))], 0), at(0, 1, 1), "it has done nothing");
}

#[test]
fn one_can_stand_until_each_point_and_the_end_of_each_delivery() {
    let events = [
        delivered(0, 1, Origin::First),
        step(at(0, 1, 1)),
        blocked(at(1, 1, 1)),
        returned(0, Answer::DONE),
        settled(0, Settlement::Acked),
        crashed(&[delivery(1, 1), delivery(2, 1)]),
        cancelled(3),
        clock(),
    ];
    let record = Record::new(&events);
    let all = [(1, at(0, 1, 1)), (4, delivery(0, 1).ack()), (5, delivery(1, 1).ack()), (6, delivery(3, 1).ack())];
    assert_eq!(record.arrivals(0, 100).collect::<Vec<_>>(), all);
    assert_eq!(record.arrivals(2, 6).collect::<Vec<_>>(), all[1..3]);
}

#[test]
fn of_each_time_there_is_one_last_point() {
    let events = [
        step(at(0, 1, 1)),
        step(at(0, 1, 2)),
        clock(),
        delivered(1, 1, Origin::First),
        step(at(0, 1, 3)),
        clock(),
        clock(),
        returned(0, Answer::DONE),
        settled(0, Settlement::Acked),
        delivered(2, 1, Origin::First),
    ];
    let record = Record::new(&events);
    let points = |before| record.last_points(before).collect::<Vec<_>>();
    assert_eq!(points(10), [8, 4, 1]);
    assert_eq!([points(8), points(4), points(1)], [vec![4, 1], vec![1], vec![0]]);
}

#[test]
fn nobody_could_run_where_the_broker_delivers_by_itself() {
    let origins = [Origin::First, Origin::Copy, Origin::Redelivery, Origin::Overlap, Origin::Copy];
    let events: Vec<Event> = (0..).zip(origins).map(|(message, origin)| delivered(message, 1, origin)).collect();
    let record = Record::new(&events);
    let idle = [(0, 100), (0, 2), (3, 5)].map(|(from, to)| record.last_idle(from, to));
    assert_eq!(idle, [Some(2), Some(0), None]);
}

#[test]
fn who_goes_before_one_that_waits_for_a_lock_is_in_time_before_it_is_released() {
    let frees = Facts { frees: true, ..Facts::default() };
    let events = [
        blocked(at(1, 1, 1)),
        step(at(0, 1, 1)),
        step(at(0, 1, 2)),
        step_with(at(0, 1, 3), frees),
        step(at(0, 1, 4)),
        step(at(2, 1, 1)),
        step(at(1, 1, 1)),
    ];
    let record = Record::new(&events);
    assert_eq!(record.in_time(1, 5, |other| other == delivery(1, 1)), 3, "it would be first");
    assert_eq!(record.in_time(1, 5, |other| other != delivery(1, 1)), 4, "it would not");
    assert_eq!(record.in_time(4, 5, |_| true), 5, "nothing is released");
    assert_eq!(record.in_time(1, 7, |_| true), 7, "it has acted by then");
    let twice = [blocked(at(1, 1, 1)), crashed(&[delivery(0, 1)]), cancelled(2), clock(), step(at(1, 1, 1))];
    assert_eq!(Record::new(&twice).in_time(0, 4, |_| false), 2, "the first of two");
}

#[test]
fn the_clock_moved_by_itself_if_somebody_goes_on_who_waited_for_that() {
    let gave_up = || step_with(at(0, 1, 2), Facts { gave_up: true, ..Facts::default() });
    let by_itself = |before: Event, after: Event| Record::new(&[before, clock(), after]).moved_by_itself(1);
    assert!(by_itself(step(at(0, 1, 1)), delivered(0, 2, Origin::Redelivery)));
    assert!(by_itself(step(at(0, 1, 1)), gave_up()));
    assert!(!by_itself(gave_up(), delivered(0, 2, Origin::Overlap)));
    assert!(!by_itself(gave_up(), step(at(0, 1, 3))));
    assert!(!by_itself(gave_up(), cancelled(0)));
    assert!(!Record::new(&[clock()]).moved_by_itself(0));
}

#[test]
fn a_delivery_begins_once() {
    let events = [delivered(0, 1, Origin::First), delivered(1, 1, Origin::First), delivered(0, 2, Origin::Redelivery)];
    let record = Record::new(&events);
    let begins = [(0, 1, 0), (0, 1, 1), (0, 2, 0), (0, 3, 0)];
    let begins = begins.map(|(message, number, from)| record.begins(delivery(message, number), from));
    assert_eq!(begins, [Some(0), None, Some(2), None]);
}

#[test]
fn what_is_put_off_past_a_message_comes_once_that_is_over_or_asked_for_again() {
    let events = [
        returned(0, retry()),
        settled(1, Settlement::Acked),
        settled(0, Settlement::Nacked),
        returned(1, Answer::DONE),
        settled(2, Settlement::DeadLettered),
        settled(3, Settlement::Ignored),
    ];
    let record = Record::new(&events);
    let come = [0, 1, 2, 3, 4].map(|message| record.lets_come(message, 0));
    assert_eq!(come, [Some(2), Some(3), Some(4), Some(5), None]);
    assert_eq!(record.lets_come(0, 3), None);
}

#[test]
fn the_broker_hands_out_a_copy_by_itself_where_something_ended() {
    let copy = || delivered(0, 2, Origin::Copy);
    let ends = [settled(1, Settlement::Acked), crashed(&[]), cancelled(1), clock()];
    for end in ends {
        let events = [step(at(0, 1, 1)), end, copy(), delivered(1, 2, Origin::Copy)];
        let record = Record::new(&events);
        assert!(record.begins_by_itself(2), "{events:?}");
        assert_eq!([0, 1, 2].map(|message| record.further_copy(message, 0)), [Some(true), Some(false), None]);
        assert_eq!(record.further_copy(0, 3), None, "it has begun");
    }
    assert!(!Record::new(&[copy()]).begins_by_itself(0));
    assert!(!Record::new(&[step(at(1, 1, 1)), copy()]).begins_by_itself(1));
}
