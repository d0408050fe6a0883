//! What a contract makes of a record: of answers, of times, of what a crash cut short, of how much is kept. The records are
//! written down by hand, an event each.

use std::time::Duration;

use super::{DeliveryName, at, script::Script};
use crate::{
    Contract, InFlight, Observation, Process,
    history::Fault,
    machine::trace::{Answer, Event, Facts, Fate, Injected, Origin, Replay, Supplied},
    oracle::{
        Anomaly, AsIf, Judgement, Oracle, Should,
        crashes::{Crashes, ways},
        order::Places,
    },
};

pub(super) fn delivered(message: usize, number: u32) -> Event {
    Event::Delivered { delivery: of(message, number), process: process(), origin: Origin::First }
}

pub(super) fn returned(message: usize, number: u32, answer: Answer) -> Event {
    Event::Returned { delivery: of(message, number), process: process(), answer }
}

pub(super) fn failed(message: usize, number: u32) -> Event {
    let facts = Facts { suffered: Some(Injected::Fail), ..Facts::default() };
    Event::Step { at: at(message, number, 1), process: process(), facts, words: None }
}

pub(super) fn clock(seconds: u64) -> Event {
    Event::Clock { to: Duration::from_secs(seconds) }
}

pub(super) fn crashed(lost: &[(usize, u32)]) -> Event {
    let lost = lost.iter().map(|(message, number)| of(*message, *number).into()).collect();
    Event::Crashed { process: process(), lost }
}

fn cancelled(message: usize, number: u32) -> Event {
    Event::Cancelled { task: of(message, number).into(), process: process() }
}

pub(super) fn of(message: usize, number: u32) -> DeliveryName {
    DeliveryName::new(message, number)
}

pub(super) fn process() -> Process {
    Process::new(0, 0)
}

fn done(reply: &str) -> Answer {
    Answer::Done(Some(reply.into()))
}

fn retry() -> Answer {
    Answer::Retry("in flight".to_owned())
}

fn reject(why: &str) -> Answer {
    Answer::Reject(why.to_owned())
}

/// A replay of so many messages in which this happened.
pub(super) fn replay(messages: usize, events: impl IntoIterator<Item = Event>) -> Replay {
    let events = events.into_iter().collect();
    Replay { events, ..Script::unordered(messages, 100 * messages as i64).replay }
}

/// Who was answered otherwise than this contract says, and what it should have heard.
fn otherwise(contract: Contract, events: impl IntoIterator<Item = Event>) -> Option<(DeliveryName, Should)> {
    Oracle::new(contract).answered_otherwise(&replay(2, events))
}

fn in_flight(hears: InFlight) -> Contract {
    Contract::strict().duplicate_in_flight(hears)
}

#[test]
fn a_duplicate_in_flight_is_to_come_again_unless_the_other_one_is_through_by_then() {
    let contract = || in_flight(InFlight::ComesAgain);
    let beside = |answer: Answer| [delivered(0, 1), delivered(0, 2), returned(0, 2, answer)];
    let should = Some((of(0, 2), Should::ComeAgain { beside: of(0, 1) }));
    for answer in [done("paid"), reject("paid")] {
        assert_eq!(otherwise(contract(), beside(answer.clone())), should, "the other one has no end");
        let then_ends = beside(answer).into_iter().chain([returned(0, 1, done("paid"))]);
        assert_eq!(otherwise(contract(), then_ends), should);
    }
    assert_eq!(otherwise(contract(), beside(retry())), None);
    let through = [delivered(0, 1), delivered(0, 2), returned(0, 1, done("paid")), returned(0, 2, done("paid"))];
    assert_eq!(otherwise(contract(), through), None);
    let another_message = [delivered(0, 1), delivered(1, 1), returned(1, 1, done("paid"))];
    assert_eq!(otherwise(contract(), another_message), None);
    assert_eq!(otherwise(in_flight(InFlight::Either), beside(done("paid"))), None);
}

#[test]
fn a_duplicate_that_is_to_wait_may_come_again_only_where_an_operation_of_it_went_wrong() {
    let contract = || in_flight(InFlight::Waits);
    let beside = |answer: Answer| [delivered(0, 1), delivered(0, 2), returned(0, 2, answer)];
    assert_eq!(otherwise(contract(), beside(retry())), Some((of(0, 2), Should::Wait { beside: of(0, 1) })));
    assert_eq!(otherwise(contract(), beside(done("paid"))), None);
    let disturbed = [delivered(0, 1), delivered(0, 2), failed(0, 2), returned(0, 2, retry())];
    assert_eq!(otherwise(contract(), disturbed), None);
    assert_eq!(otherwise(contract(), [delivered(0, 1), returned(0, 1, retry())]), None);
}

#[test]
fn a_rejection_that_is_kept_is_what_each_later_delivery_hears() {
    let contract = || Contract::strict().final_failures_kept();
    let then = |first: Answer, second: Answer| {
        [delivered(0, 1), returned(0, 1, first), delivered(0, 2), returned(0, 2, second)]
    };
    let should = Some((of(0, 2), Should::BeRejectedAs { before: of(0, 1) }));
    for second in [done("paid"), reject("never"), retry()] {
        assert_eq!(otherwise(contract(), then(reject("no"), second.clone())), should, "{second:?}");
        assert_eq!(otherwise(Contract::strict(), then(reject("no"), second)), None);
    }
    assert_eq!(otherwise(contract(), then(reject("no"), reject("no"))), None);
    assert_eq!(otherwise(contract(), then(done("1"), done("2"))), None);
    // Beside each other, or of another message: neither came first.
    let beside = [delivered(0, 1), delivered(0, 2), returned(0, 1, reject("no")), returned(0, 2, done("paid"))];
    assert_eq!(otherwise(contract(), beside), None);
    let another = [delivered(1, 1), returned(1, 1, reject("no")), delivered(0, 1), returned(0, 1, done("paid"))];
    assert_eq!(otherwise(contract(), another), None);
}

#[test]
fn whoever_was_disturbed_may_say_that_it_should_come_again_and_nothing_else() {
    let contract = || Contract::strict().final_failures_kept();
    let disturbed = |answer: Answer| {
        [delivered(0, 1), returned(0, 1, reject("no")), delivered(0, 2), failed(0, 2), returned(0, 2, answer)]
    };
    assert_eq!(otherwise(contract(), disturbed(retry())), None);
    let should = Some((of(0, 2), Should::BeRejectedAs { before: of(0, 1) }));
    assert_eq!(otherwise(contract(), disturbed(done("paid"))), should);
}

#[test]
fn an_answer_that_should_have_been_another_is_a_violation_within_the_promise_only() {
    let contract = || in_flight(InFlight::ComesAgain);
    let events = [delivered(0, 1), delivered(0, 2), clock(5), returned(0, 2, done("paid"))];
    let mut script = Script::unordered(1, 100);
    script.replay.events = events.to_vec();
    assert_eq!(script.judged(contract()), Judgement::Violated);
    assert_eq!(script.judged(contract().handler_within(Duration::from_secs(5))), Judgement::Violated);
    assert_eq!(script.judged(contract().handler_within(Duration::from_secs(4))), Judgement::Agrees);
    let (history, replay) = (script.history.clone(), script.replay.clone());
    let explained = Oracle::new(contract()).explain(&mut script, &history, &replay).unwrap();
    assert_eq!((explained.anomaly, explained.message), (Anomaly::Reply, Some(0)));
    assert_eq!(explained.as_if, Some(AsIf::Answered(of(0, 2), Should::ComeAgain { beside: of(0, 1) })));
    assert_eq!(explained.observed, replay.observation);
}

/// Whether a contract says nothing of a message that was delivered at these seconds.
fn is_outside(contract: Contract, deliveries: &[u64], events: impl IntoIterator<Item = Event>) -> bool {
    let mut replay = replay(1, events);
    let began = |seconds: &u64| Supplied { began: Duration::from_secs(*seconds), ..Supplied::default() };
    replay.fates[0].supplied = deliveries.iter().map(began).collect();
    Oracle::new(contract).is_outside_the_promise(&replay)
}

#[test]
fn what_comes_again_at_the_horizon_is_outside_of_it_and_what_comes_a_second_earlier_is_not() {
    let horizon = || Contract::strict().horizon(Duration::from_secs(10));
    for (deliveries, outside) in [(&[3, 12][..], false), (&[3, 13], true), (&[3, 4, 14], true), (&[13], false)] {
        assert_eq!(is_outside(horizon(), deliveries, []), outside, "{deliveries:?}");
        assert!(!is_outside(Contract::strict(), deliveries, []));
    }
    assert!(!is_outside(horizon(), &[], []));
}

#[test]
fn a_handler_that_takes_as_long_as_it_may_takes_no_longer() {
    let within = || Contract::strict().handler_within(Duration::from_secs(10));
    for (seconds, outside) in [(9, false), (10, false), (11, true)] {
        let events = [delivered(0, 1), clock(seconds), returned(0, 1, Answer::DONE), clock(60)];
        assert_eq!(is_outside(within(), &[0], events), outside, "{seconds} s");
    }
}

#[test]
fn a_message_may_be_forgotten_once_it_comes_again_as_late_as_the_window_is_long() {
    let window = || Contract::strict().window(Duration::from_secs(10));
    let again = |at: u64| [clock(3), delivered(0, 1), clock(at), delivered(0, 2)];
    assert!(!is_outside(window(), &[3, 12], again(12)));
    assert!(is_outside(window(), &[3, 13], again(13)));
    // It takes long, and never comes again: nobody has to know it.
    assert!(!is_outside(window(), &[3], [clock(3), delivered(0, 1), clock(30), returned(0, 1, Answer::DONE)]));
}

#[test]
fn each_limit_is_one_of_its_own() {
    let limits = |[window, horizon, within]: [u64; 3]| {
        let [window, horizon, within] = [window, horizon, within].map(Duration::from_secs);
        Contract::strict().window(window).horizon(horizon).handler_within(within)
    };
    let again = || [delivered(0, 1), clock(10), returned(0, 1, retry()), delivered(0, 2)];
    for (limits_of, outside) in
        [([60, 60, 60], false), ([10, 60, 60], true), ([60, 10, 60], true), ([60, 60, 9], true), ([11, 11, 10], false)]
    {
        assert_eq!(is_outside(limits(limits_of), &[0, 10], again()), outside, "{limits_of:?}");
    }
}

#[test]
fn what_a_crash_may_cost_is_asked_of_the_deliveries_that_it_cut_short() {
    let contract = || Contract::strict().may_lose_on_crash().may_repeat_on_crash();
    let events = [
        delivered(0, 1),
        delivered(1, 1),
        crashed(&[(0, 1), (1, 1)]),
        delivered(0, 2),
        cancelled(0, 2),
        delivered(2, 1),
        returned(2, 1, Answer::DONE),
        crashed(&[(2, 1)]),
        delivered(3, 1),
        failed(3, 1),
        returned(3, 1, retry()),
    ];
    let crashes = Crashes::of(&contract(), &replay(4, events.clone()));
    // m2 had answered: it is not lost, and comes again all the same.
    assert_eq!(crashes.may_be_lost, [0, 1].into_iter().collect::<Places>());
    assert_eq!(crashes.may_repeat, [2, 1, 1, 0]);
    let neither = Crashes::of(&Contract::strict(), &replay(4, events));
    assert_eq!((neither.may_be_lost, neither.may_repeat), (Places::default(), Vec::new()));
}

#[test]
fn every_way_to_repeat_is_tried_up_to_four_repetitions_at_once() {
    assert_eq!(ways(&[]), Vec::<Vec<usize>>::new());
    assert_eq!(ways(&[0, 0]), Vec::<Vec<usize>>::new());
    assert_eq!(ways(&[1, 2]), [[0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
    let most = ways(&[3, 3]);
    assert!(most.contains(&vec![1, 3]) && most.contains(&vec![2, 2]) && !most.contains(&vec![2, 3]));
}

#[test]
fn a_message_that_a_crash_may_repeat_has_so_many_more_like_it_and_not_one_beyond_them() {
    let contract = || Contract::strict().may_repeat_on_crash();
    let seen = |balance: i64, crashes: usize| {
        let mut script = Script::unordered(2, balance);
        script.replay.events = vec![crashed(&[(0, 1)]); crashes];
        script.judged(contract())
    };
    for (balance, crashes, judgement) in [
        (200, 0, Judgement::Agrees),
        (300, 0, Judgement::Violated),
        (300, 1, Judgement::Agrees),
        (400, 1, Judgement::Violated),
        (400, 2, Judgement::Agrees),
        (100, 2, Judgement::Violated),
    ] {
        assert_eq!(seen(balance, crashes), judgement, "{balance} after {crashes} crashes");
    }
    // That m0 came twice says nothing of m1, which was not handled and is not there.
    let mut absent = Script::unordered(2, 200);
    absent.leaves = |reference| reference.turns.iter().map(|turn| if turn.message == 1 { 7 } else { 100 }).sum();
    absent.replay.fates[1].handled = None;
    absent.replay.events = vec![crashed(&[(0, 1)])];
    assert_eq!(absent.judged(contract()), Judgement::Agrees);
}

/// A bound of so many rows of `seen`.
fn bounded(rows: usize) -> Contract {
    Contract::strict().bounded("seen", rows)
}

/// Messages that were delivered and handled at these seconds, and so many rows of what is kept of them.
fn kept(handled_at: &[u64], rows: usize) -> Replay {
    let events = handled_at
        .iter()
        .enumerate()
        .flat_map(|(message, seconds)| [clock(*seconds), delivered(message, 1), returned(message, 1, Answer::DONE)]);
    let mut replay = replay(handled_at.len(), events);
    for (fate, seconds) in replay.fates.iter_mut().zip(handled_at) {
        fate.supplied[0].began = Duration::from_secs(*seconds);
    }
    replay.state.rows("seen", vec!["id".to_owned()], vec![vec!["m".to_owned()]; rows], false);
    replay
}

#[test]
fn what_is_kept_has_no_more_rows_than_the_bound_or_than_the_window_keeps_alive() {
    let exceeded = |contract: Contract, rows: usize| {
        Oracle::new(contract).exceeded(&kept(&[0, 5, 15], rows)).map(|(bound, rows)| (bound.rows, rows))
    };
    assert_eq!(exceeded(bounded(2), 2), None);
    assert_eq!(exceeded(bounded(2), 3), Some((2, 3)));
    assert_eq!(exceeded(bounded(2), 4), Some((2, 4)));
    // At 15 s a window of 10 s keeps alive what was done at 5 s, and not what was done before.
    let window = || bounded(0).window(Duration::from_secs(10));
    assert_eq!(exceeded(window(), 2), None);
    assert_eq!(exceeded(window(), 3), Some((0, 3)));
    assert_eq!(exceeded(Contract::strict(), 99), None);
    let mut script = Script { replay: kept(&[0, 5, 15], 3), ..Script::unordered(3, 300) };
    assert_eq!(script.judged(bounded(3)), Judgement::Agrees);
    assert_eq!(script.judged(bounded(2)), Judgement::Violated);
    let (history, replay) = (script.history.clone(), script.replay.clone());
    let explained = Oracle::new(bounded(2)).explain(&mut script, &history, &replay).unwrap();
    assert_eq!((explained.anomaly, explained.observed), (Anomaly::Unbounded, replay.state));
}

#[test]
fn a_history_beyond_a_bound_has_a_message_more_and_where_there_is_a_window_one_after_it() {
    let (model, script) = (crate::DeliveryModel::at_least_once(), Script::unordered(1, 100));
    let beyond = |contract: Contract| Oracle::new(contract).histories_beyond_bounds(&script, model, 2);
    let plain = beyond(bounded(3)).unwrap();
    assert_eq!((plain.len(), plain[0].messages.len(), &plain[0].faults[..]), (1, 4, &[][..]));
    assert_eq!(beyond(bounded(60)).unwrap()[0].messages.len(), 61);
    assert!(beyond(bounded(61)).unwrap_err().to_string().starts_with("a bound of 61 rows of `seen` cannot be tried"));
    let windowed = beyond(bounded(3).window(Duration::from_secs(10))).unwrap();
    assert_eq!(windowed[0].messages.len(), 5);
    let by = Duration::from_millis(10_001);
    assert_eq!(windowed[0].faults, [Fault::Advance { at: of(3, 1).ack(), by }]);
    let longest = crate::History::MAX_ADVANCE;
    assert!(beyond(bounded(3).window(longest - Duration::from_millis(1))).is_ok());
    let too_long = beyond(bounded(3).window(longest)).unwrap_err().to_string();
    assert_eq!(too_long, "a window of ten years or more never passes: leave it out");
}

#[test]
fn a_history_beyond_a_bound_says_something_only_where_rows_are_seen_and_all_was_handled() {
    let silent = |replay: &Replay| Oracle::new(bounded(2)).says_nothing_of_bounds(replay);
    assert_eq!(silent(&kept(&[0, 1, 2], 3)), None);
    let nothing = "`seen` is to be bounded, and nothing of that name is seen after 3 messages";
    assert!(silent(&kept(&[0, 1, 2], 0)).is_some_and(|why| why.starts_with(nothing)));
    let unobserved = Replay { state: Observation::default(), ..kept(&[0, 1, 2], 3) };
    assert!(silent(&unobserved).is_some_and(|why| why.starts_with(nothing)));
    let mut unhandled = kept(&[0, 1, 2], 3);
    unhandled.fates[1] = Fate { handled: None, ..unhandled.fates[1].clone() };
    let why = "of 3 messages, to try whether what is kept of them is bounded, 1 were not handled";
    assert_eq!(silent(&unhandled).as_deref(), Some(why));
}
