//! Where judging ends: too much that is unordered, too many reference runs, runs without an end.

use std::time::Duration;

use super::{
    Bench, at, crash,
    handlers::{add, mark_then_apply, plain_add},
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
    // Another copy is another turn, and the first one by itself is none.
    let of_copies = |copies: [u32; 2]| {
        let mut script = Script::unordered(5, 0);
        let supplied = copies.map(|copy| Supplied { copy, ..Supplied::default() });
        script.replay.fates.iter_mut().for_each(|fate| fate.supplied = supplied.to_vec());
        within_caps(&script.replay)
    };
    assert!(of_copies([0, 0]) && !of_copies([0, 1]) && !of_copies([1, 1]));
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
    // That one is lost takes no further place.
    let mut lost = history(&[1; Places::MOST], [crash(at(0, 1, 2))]);
    lost.processes = 1;
    assert_eq!(mark_then_apply().named(&lost), (Anomaly::Lost, Some(0)));
}

#[test]
fn naming_looks_at_as_many_reference_runs_as_judging_did_before() {
    // Of four messages in any order one was delivered at eight times: 192 runs. Then m0 may have taken effect twice or
    // thrice, m1 twice, and m2 did: more than 1900.
    let mut script = Script {
        leaves: |reference| 100 + reference.one_more_like.iter().sum::<usize>() as i64,
        ..Script::unordered(4, 102)
    };
    let supplied = |number| Supplied { began: Duration::from_secs(number), read_clock: true, ..Supplied::default() };
    script.replay.fates[3].supplied = (0..8).map(supplied).collect();
    let process = crate::Process::new(0, 0);
    let deliveries = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1), (2, 2)];
    let returned = |(message, number)| Event::Returned {
        delivery: crate::history::DeliveryName::new(message, number),
        process: process.clone(),
        answer: Answer::DONE,
    };
    script.replay.events = deliveries.map(returned).to_vec();
    assert_eq!(script.explained(), (Anomaly::Twice, Some(2)));
}

#[test]
fn background_work_comes_to_rest_between_deliveries_too_where_there_is_more_than_one() {
    let asked = |messages: usize, background: bool| {
        let mut script = Script { background, ..Script::unordered(messages, 1) };
        assert_eq!(strict(&mut script), Judgement::Violated);
        // The first is the likeliest run, which is asked for again.
        script.asked[1..].iter().map(|reference| reference.rests_between).collect::<Vec<_>>()
    };
    assert!(asked(1, true).is_empty());
    assert_eq!(asked(2, true), [true, false, true]);
    assert_eq!(asked(2, false), [false]);
}

#[test]
fn sixty_four_messages_can_be_looked_at_one_by_one_whether_they_show_and_none_has_nothing_to_show() {
    let unseen = |amounts: &[i64]| {
        let seen = crate::oracle::Oracle::new(Contract::strict()).visibility(&mut plain_add(), &history(amounts, []));
        seen.expect("something is observed")
    };
    assert_eq!(unseen(&[0; Places::MOST]).unseen.len(), Places::MOST);
    assert_eq!(unseen(&[0; Places::MOST + 1]).unseen.len(), 0, "it is not asked");
    assert!(unseen(&[0]).nothing_can_be_seen().is_some());
    assert_eq!(unseen(&[]).nothing_can_be_seen(), None);
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
