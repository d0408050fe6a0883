//! Where judging ends: too much that is unordered, too many reference runs, runs without an end.

use std::time::Duration;

use super::{
    Bench,
    handlers::{add, plain_add},
    history, lose_ack,
    script::Script,
};
use crate::{
    Contract,
    machine::trace::{Answer, Event, Fate, Supplied},
    oracle::{
        Anomaly, Judgement,
        order::{Order, Places},
        within_caps,
    },
};

fn strict(script: &mut Script) -> Judgement {
    script.judged(Contract::strict())
}

#[test]
fn at_most_five_messages_are_unordered() {
    assert_eq!(strict(&mut Script::unordered(5, 0)), Judgement::Violated);
    let six = strict(&mut Script::unordered(6, 0));
    assert!(matches!(six, Judgement::Inconclusive(why) if why.starts_with("more than 5 messages are unordered")));
    // What agrees at once needs no other order.
    assert_eq!(strict(&mut Script::unordered(6, 600)), Judgement::Agrees);
}

/// So many unordered messages, each delivered so often and reading the clock each time.
fn reading_the_clock(messages: usize, deliveries: u64) -> Script {
    let mut script = Script::unordered(messages, 0);
    for fate in &mut script.replay.fates {
        let supplied =
            |number| Supplied { began: Duration::from_secs(number), read_clock: true, ..Supplied::default() };
        fate.supplied = (1..=deliveries).map(supplied).collect();
    }
    script
}

#[test]
fn what_is_within_the_caps_is_told_before_any_reference_run() {
    // Five in every order; three in six orders at two times each; one at ever more times.
    assert!(within_caps(&Script::unordered(5, 0).replay) && !within_caps(&Script::unordered(6, 0).replay));
    for (messages, deliveries, within) in [(5, 1, true), (3, 2, true), (5, 2, false), (4, 3, false), (3, 6, false)] {
        let mut script = reading_the_clock(messages, deliveries);
        assert_eq!(within_caps(&script.replay), within, "{messages} messages, {deliveries} deliveries of each");
        if within {
            assert_eq!(strict(&mut script), Judgement::Violated);
        }
    }
    // What was never handled may also be absent.
    let mut script = reading_the_clock(3, 5);
    assert!(within_caps(&script.replay));
    script.replay.fates.iter_mut().for_each(|fate| fate.handled = None);
    assert!(!within_caps(&script.replay));
}

#[test]
fn at_most_two_thousand_reference_runs_are_looked_at() {
    let mut script = Script::unordered(5, 0);
    for (place, fate) in script.replay.fates.iter_mut().enumerate() {
        let supplied = |number: u64| Supplied {
            copy: 0,
            began: Duration::from_secs(number),
            seed: (place as u64) << 32 | number,
            read_clock: true,
            drew: false,
            ahead: Duration::ZERO,
            asked_time: false,
        };
        fate.supplied = (1..=2).map(supplied).collect();
    }
    let judged = strict(&mut script);
    assert!(matches!(judged, Judgement::Inconclusive(why) if why.starts_with("more than 2000 reference runs")));
    assert!((1_999..=2_001).contains(&script.asked.len()), "{}", script.asked.len());
}

#[test]
fn a_reference_run_without_an_end_leaves_it_open() {
    let mut script = Script { endless: true, ..Script::unordered(1, 100) };
    let judged = strict(&mut script);
    assert_eq!(judged, Judgement::Inconclusive("in a reference run m0#1 never ends".to_owned()));
}

#[test]
fn more_messages_than_there_are_places_are_not_judged() {
    assert!(matches!(strict(&mut Script::unordered(65, 6500)), Judgement::Inconclusive(_)));
    assert_eq!(strict(&mut Script::unordered(64, 6400)), Judgement::Agrees);
}

#[test]
fn a_delivery_may_have_looked_at_the_clock_until_it_ended() {
    let mut script = Script::unordered(1, 0);
    script.replay.fates[0].supplied[0].read_clock = true;
    let delivery = crate::history::DeliveryName::new(0, 1);
    let process = crate::Process::new(0, 0);
    let answer = crate::machine::trace::Answer::DONE;
    let origin = crate::machine::trace::Origin::First;
    let to = Duration::from_secs;
    script.replay.events = vec![
        Event::Clock { to: to(1) },
        Event::Delivered { delivery, process: process.clone(), origin },
        Event::Clock { to: to(2) },
        Event::Returned { delivery, process, answer },
        Event::Clock { to: to(3) },
    ];
    strict(&mut script);
    let times: Vec<Duration> = script.asked.iter().map(|reference| reference.turns[0].at).collect();
    assert_eq!(times, [to(0), to(2)]);
}

fn places(places: &[usize]) -> Places {
    places.iter().copied().collect()
}

/// Messages that were delivered and handled at these positions.
fn fates(times: &[(usize, usize)]) -> Vec<Fate> {
    let fate = |(delivered, handled): &(usize, usize)| Fate {
        first_delivered: Some(*delivered),
        handled: Some(*handled),
        ..Fate::default()
    };
    times.iter().map(fate).collect()
}

#[test]
fn real_time_orders_what_was_handled_before_the_other_was_delivered() {
    // `handled` counts the event that ended it, `first_delivered` counts none of its own.
    let order = Order::of_real_time(&fates(&[(0, 2), (2, 4), (3, 6)]));
    assert_eq!(order.before(0), places(&[]));
    assert_eq!(order.before(1), places(&[0]));
    assert_eq!(order.before(2), places(&[0]));
}

#[test]
fn where_the_contract_contradicts_real_time_the_contract_holds() {
    let key = |key: &str| Some(key.to_owned());
    // m1, then m2 of another key, then m0; and m3 after all of them.
    let real = Order::of_real_time(&fates(&[(4, 6), (0, 2), (2, 4), (6, 8)]));
    let order = real.and_as_published(&[key("a"), key("a"), key("b"), key("c")]);
    assert_eq!(order.before(0), places(&[]));
    assert_eq!(order.before(1), places(&[0]));
    assert_eq!(order.before(2), places(&[]));
    assert_eq!(order.before(3), places(&[0, 1, 2]));
    // What is in no circle is left as it is.
    let order = real.and_as_published(&[key("a"), key("c"), key("b"), key("c")]);
    assert_eq!(order.before(0), places(&[1, 2]));
}

#[test]
fn orders_are_visited_from_the_likeliest_on_and_each_once() {
    let order = Order::of_real_time(&fates(&[(0, 9), (1, 3), (4, 8)]));
    let mut visited = Vec::new();
    let everything = order.each(places(&[0, 1, 2]), &[1, 2, 0], &mut |order| {
        visited.push(order.to_vec());
        Ok(std::ops::ControlFlow::Continue(()))
    });
    assert!(everything.is_ok());
    assert_eq!(visited, [vec![1, 2, 0], vec![1, 0, 2], vec![0, 1, 2]]);
    let subsets: Vec<Places> = places(&[1, 3]).subsets().collect();
    assert_eq!(subsets, [places(&[]), places(&[1]), places(&[3]), places(&[1, 3])]);
}

#[test]
fn what_is_ordered_by_way_of_others_is_not_unordered() {
    let chain = Order::of_real_time(&fates(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]));
    assert!(!chain.unordered_beyond(1, places(&[0, 1, 2, 3, 4, 5])));
    let pairs = Order::of_real_time(&fates(&[(0, 2), (1, 3), (4, 6), (5, 7)]));
    assert!(pairs.unordered_beyond(1, places(&[0, 1, 2, 3])));
    assert!(!pairs.unordered_beyond(2, places(&[0, 1, 2, 3])));
}

#[test]
fn where_there_is_no_place_for_one_more_message_nothing_is_named_after_it() {
    let violated = |messages: usize| {
        let mut history = history(&vec![1; messages], [lose_ack(0, 1)]);
        history.processes = 1;
        plain_add().named(&history)
    };
    assert_eq!(violated(Places::MOST - 1), (Anomaly::Twice, Some(0)));
    assert_eq!(violated(Places::MOST), (Anomaly::Unexplained, None));
}

#[test]
fn naming_ends_however_many_messages_may_be_present_or_not() {
    // It applies on every attempt and is never done: each of them may be there once or not at all.
    let mut never_done = Bench::new(async |shop, m| {
        let _ = add(&shop, *m.payload()).await;
        Answer::Retry("never".to_owned())
    });
    assert_eq!(never_done.named(&history(&[1; 40], [])).0, Anomaly::Partial);
}
