//! Records written down by hand, and what is read off them: what is hashed alike, how deliveries lie beside each other, when
//! something was last done, who heard what.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use super::{
    Activity, Span, SpanEnding, disturbed,
    footprint::Access,
    plan::seed_of,
    trace::{Answer, Event, Facts, Fate, Injected, Origin, Settlement, Supplied, heard},
};
use crate::{
    Process,
    history::{DeliveryName, RoundName, TaskName},
};

fn of(message: usize, number: u32) -> DeliveryName {
    DeliveryName::new(message, number)
}

fn process() -> Process {
    Process::new(0, 0)
}

fn round(number: u32) -> RoundName {
    RoundName::new("relay".parse().unwrap(), 0, number)
}

fn delivered(message: usize, number: u32) -> Event {
    Event::Delivered { delivery: of(message, number), process: process(), origin: Origin::First }
}

fn returned(message: usize, number: u32, answer: Answer) -> Event {
    Event::Returned { delivery: of(message, number), process: process(), answer }
}

fn settled(message: usize, number: u32, how: Settlement) -> Event {
    Event::Settled { delivery: of(message, number), process: process(), how }
}

fn step(task: impl Into<TaskName>, facts: Facts) -> Event {
    Event::Step { at: task.into().operation(1), process: process(), facts, words: None }
}

fn clock(seconds: u64) -> Event {
    Event::Clock { to: Duration::from_secs(seconds) }
}

fn retry() -> Answer {
    Answer::Retry("later".to_owned())
}

/// How many different hashes these have.
fn hashes<T: Hash>(all: impl IntoIterator<Item = T>) -> usize {
    let hash = |one: T| {
        let mut hasher = DefaultHasher::new();
        one.hash(&mut hasher);
        hasher.finish()
    };
    all.into_iter().map(hash).collect::<BTreeSet<_>>().len()
}

#[test]
fn whatever_a_step_was_it_is_hashed_otherwise_than_another() {
    let none = Facts::default();
    let flags = [
        none,
        Facts { can_fail: true, ..none },
        Facts { can_lose_reply: true, ..none },
        Facts { changes: true, ..none },
        Facts { locks: true, ..none },
        Facts { reads_clock: true, ..none },
        Facts { suffered: Some(Injected::Fail), ..none },
        Facts { suffered: Some(Injected::LoseReply), ..none },
        Facts { gave_up: true, ..none },
        Facts { observed_change: true, ..none },
        Facts { deadline: Some(Duration::ZERO), ..none },
        Facts { deadline: Some(Duration::from_secs(1)), ..none },
        Facts { refused: true, ..none },
        Facts { acks: true, ..none },
        Facts { stepped: true, ..none },
        Facts { can_fail: true, can_lose_reply: true, changes: true, ..none },
        Facts { can_fail: true, changes: true, stepped: true, ..none },
    ];
    assert_eq!(hashes(flags.map(|facts| step(of(0, 1), facts))), flags.len());
}

#[test]
fn events_of_another_kind_place_process_or_word_are_hashed_otherwise() {
    let facts = Facts::default();
    let at = |place| Event::Step { at: place, process: process(), facts, words: None };
    let by = |index, incarnation| Event::Crashed { process: Process::new(index, incarnation), lost: Vec::new() };
    let ended = |panicked: Option<&str>| Event::RoundEnded {
        round: round(1),
        process: process(),
        panicked: panicked.map(str::to_owned),
    };
    let events = [
        at(of(0, 1).operation(1)),
        at(of(0, 1).operation(2)),
        at(of(0, 2).operation(1)),
        at(of(0, 3).operation(1)),
        at(of(1, 1).operation(1)),
        at(of(0, 1).ack()),
        at(round(1).operation(1)),
        at(round(1).operation(2)),
        at(round(2).operation(1)),
        by(0, 0),
        by(0, 1),
        by(1, 0),
        Event::Crashed { process: process(), lost: vec![of(0, 1).into()] },
        Event::Cancelled { task: of(0, 1).into(), process: process() },
        delivered(0, 1),
        delivered(0, 2),
        delivered(1, 1),
        Event::Delivered { delivery: of(0, 1), process: process(), origin: Origin::Overlap },
        returned(0, 1, Answer::DONE),
        returned(0, 2, Answer::DONE),
        returned(0, 1, retry()),
        settled(0, 1, Settlement::Acked),
        settled(0, 1, Settlement::AckLost),
        settled(1, 1, Settlement::Acked),
        Event::RoundBegan { round: round(1), process: process() },
        Event::RoundBegan { round: round(2), process: process() },
        ended(None),
        ended(Some("oh")),
        clock(1),
        clock(2),
    ];
    assert_eq!(hashes(events.iter()), events.len());
}

#[test]
fn deliveries_lie_beside_each_other_if_one_begins_while_the_other_goes_on() {
    let (first, second) = ([delivered(0, 1)], [delivered(0, 2)]);
    let ends = |number| [returned(0, number, Answer::DONE)];
    let beside = |events: &[Event]| {
        let spans = Span::all(events);
        spans.iter().map(|span| spans.iter().filter(|other| span.begins_beside(other)).count()).collect::<Vec<_>>()
    };
    assert_eq!(beside(&[first.clone(), second.clone(), ends(1), ends(2)].concat()), [0, 1]);
    assert_eq!(beside(&[first.clone(), ends(1), second.clone(), ends(2)].concat()), [0, 0]);
    assert_eq!(beside(&[first.clone(), second.clone()].concat()), [0, 1]);
    assert_eq!(beside(&[first.clone(), [delivered(1, 1)], [delivered(2, 1)]].concat()), [0, 0, 0]);
    let remembered = |events: Vec<Event>| {
        let mut hasher = DefaultHasher::new();
        Span::remember(&Span::all(&events), &mut hasher);
        hasher.finish()
    };
    let orders = [
        [first.clone(), second.clone(), ends(1), ends(2)].concat(),
        [first.clone(), second.clone(), ends(2), ends(1)].concat(),
        [first.clone(), ends(1), second.clone(), ends(2)].concat(),
        [first.clone(), ends(1), second.clone(), [clock(1)], ends(2)].concat(),
    ];
    assert_eq!(hashes(orders.map(remembered)), 4);
    // What came between and is nobody's beginning or end is no difference.
    let between = [first.clone(), [step(of(0, 1), Facts::default())], ends(1)].concat();
    assert_eq!(remembered(between), remembered([first, ends(1)].concat()));
}

#[test]
fn a_delivery_took_until_it_ended_and_one_that_did_not_until_the_record_does() {
    let failed = Facts { suffered: Some(Injected::Fail), ..Facts::default() };
    let events = [
        clock(1),
        delivered(0, 1),
        delivered(1, 1),
        step(of(1, 1), failed),
        clock(3),
        returned(0, 1, Answer::DONE),
        // It had answered: that its process dies then is not its end.
        Event::Crashed { process: process(), lost: vec![of(0, 1).into()] },
        clock(8),
    ];
    let spans: Vec<_> = Span::all(&events);
    let told = |span: &Span<'_>| (span.began.as_secs(), span.took.as_secs(), span.ends, span.disturbed);
    assert_eq!(spans.iter().map(told).collect::<Vec<_>>(), [(1, 2, Some(5), false), (1, 7, None, true)]);
    assert_eq!((spans[0].ending, spans[1].ending), (SpanEnding::Answered(&Answer::DONE), SpanEnding::Open));
}

#[test]
fn something_is_done_for_a_message_with_each_delivery_step_and_answer_of_it() {
    let began = |seconds| Supplied { began: Duration::from_secs(seconds), ..Supplied::default() };
    let fates = [Fate { supplied: vec![began(1), began(5)], ..Fate::default() }, Fate::default()];
    let last = |events: &[Event]| {
        let activity = Activity::of(events, &fates)[0];
        (activity.last.map(|at| at.as_secs()), activity.handled_since.map(|at| at.as_secs()))
    };
    let facts = Facts::default();
    assert_eq!(last(&[clock(1)]), (None, None));
    assert_eq!(last(&[clock(1), delivered(0, 1), clock(9)]), (Some(1), None));
    assert_eq!(last(&[delivered(0, 1), clock(2), step(of(0, 1), facts), clock(9)]), (Some(2), None));
    assert_eq!(last(&[clock(2), step(round(1), facts)]), (None, None));
    let answered = [clock(3), returned(0, 1, retry()), clock(6), returned(0, 2, Answer::DONE)];
    assert_eq!(last(&answered), (Some(6), Some(5)));
    let twice = [returned(0, 1, Answer::DONE), clock(6), returned(0, 2, Answer::DONE)];
    assert_eq!(last(&twice), (Some(6), Some(1)));
}

#[test]
fn who_waits_for_a_final_answer_hears_that_of_its_own_delivery() {
    let events = [
        returned(0, 1, Answer::DONE),
        returned(1, 1, Answer::Reject("no".to_owned())),
        settled(0, 1, Settlement::Acked),
        settled(1, 1, Settlement::DeadLettered),
        returned(2, 1, Answer::DONE),
        settled(2, 1, Settlement::AckLost),
    ];
    let heard: Vec<_> = heard(&events).collect();
    assert_eq!(heard, [(of(0, 1), &Answer::DONE), (of(1, 1), &Answer::Reject("no".to_owned()))]);
}

#[test]
fn a_round_that_panicked_is_disturbed_and_one_that_ended_is_not() {
    let ended = |number, panicked: Option<&str>| Event::RoundEnded {
        round: round(number),
        process: process(),
        panicked: panicked.map(str::to_owned),
    };
    assert_eq!(disturbed(&[ended(1, None), ended(2, Some("oh"))]), [round(2).into()].into());
}

#[test]
fn each_delivery_has_a_seed_of_its_own() {
    let seeds = [of(0, 1), of(0, 2), of(0, 3), of(1, 1), of(1, 3), of(2, 1)].map(seed_of);
    assert_eq!(BTreeSet::from(seeds).len(), seeds.len());
    assert_eq!((seed_of(of(0, 1)), seed_of(of(1, 3))), (1, 1 << 32 | 3));
}

#[test]
fn a_footprint_says_whether_it_takes_a_lock_or_gives_it_back() {
    for (access, acquires, releases) in
        [(Access::acquire(3, 7), true, false), (Access::release(3, 7), false, true), (Access::pass(3, 7), false, false)]
    {
        assert_eq!((access.locks(), access.acquires(), access.releases()), (Some((3, 7)), acquires, releases));
    }
    assert_eq!(Access::UNKNOWN.locks(), None);
}
