//! Points and faults, one at a time: which can stand for which, and how far apart they are. What comes of it is seen where
//! histories are shrunk.

use super::*;
use crate::{
    DeliveryModel, KeyValue, Process,
    history::RoundName,
    machine::{
        testing::{Given, Stage, advance, at, cancel, crash, delivery, overlap},
        trace::{Answer, Facts, Origin},
    },
};

fn round(work: &str, process: usize, number: u32, operation: u32) -> Coordinate {
    RoundName::new(work.parse().unwrap(), process, number).operation(operation)
}

#[test]
fn only_deliveries_of_one_message_and_rounds_of_one_work_of_a_process_do_the_same() {
    let relay = round("relay", 0, 1, 1);
    assert!(same_work(at(0, 1, 1), at(0, 2, 3)));
    assert!(!same_work(at(0, 1, 1), at(1, 1, 1)));
    assert!(same_work(relay, round("relay", 0, 4, 2)));
    assert!(!same_work(relay, round("relay", 1, 1, 1)));
    assert!(!same_work(relay, round("sweep", 0, 1, 1)));
    assert!(!same_work(relay, at(0, 1, 1)));
}

#[test]
fn a_delivery_further_is_further_than_any_operation() {
    let far = |one, other| distance(one, other, true);
    assert_eq!(far(at(0, 1, 2), at(0, 2, 5)), Some(7));
    assert_eq!(far(at(0, 3, 5), at(0, 1, 4)), Some(9));
    assert_eq!([5, 6].map(|operation| far(at(0, 1, 1), at(0, 1, operation))), [Some(4), None]);
    assert_eq!(far(delivery(0, 1).ack(), delivery(0, 3).ack()), Some(8));
    assert_eq!(far(delivery(0, 1).ack(), at(0, 1, 1)), None);
    assert_eq!(far(round("relay", 0, 1, 1), round("relay", 0, 3, 2)), Some(9));
    assert_eq!(far(round("relay", 0, 1, 1), at(0, 1, 1)), None);
}

#[test]
fn what_is_not_known_by_its_words_has_the_same_number() {
    let far = |operation| distance(at(0, 1, 2), at(0, 3, operation), false);
    assert_eq!([1, 2, 3].map(far), [None, Some(8), None]);
}

#[test]
fn without_a_message_those_after_it_move_up() {
    let relay = round("relay", 0, 1, 1);
    let all = [(at(0, 1, 1), "a"), (at(1, 1, 2), "b"), (at(2, 2, 3), "c"), (relay, "d")];
    let points: Points = all.into_iter().map(|(at, what)| (at, what.to_owned())).collect();
    let left = |gone| {
        let left = without_message(&points, gone).into_iter();
        left.map(|(at, what)| format!("{at} {what}")).collect::<BTreeSet<_>>()
    };
    let told = |lines: [&str; 3]| lines.map(str::to_owned).into_iter().collect::<BTreeSet<_>>();
    let relay = format!("{relay} d");
    assert_eq!(left(0), told(["m0#1.2 b", "m1#2.3 c", &relay]));
    assert_eq!(left(1), told(["m0#1.1 a", "m1#2.3 c", &relay]));
    assert_eq!(left(2), told(["m0#1.1 a", "m1#1.2 b", &relay]));
}

#[test]
fn a_delivery_stood_after_what_it_did_last() {
    let process = || Process::new(0, 0);
    let step = |at| Event::Step { at, process: process(), facts: Facts::default(), words: None };
    let events = [
        Event::Delivered { delivery: delivery(0, 1), process: process(), origin: Origin::First },
        step(at(0, 1, 1)),
        step(at(0, 1, 2)),
        step(at(1, 1, 7)),
        Event::Returned { delivery: delivery(0, 1), process: process(), answer: Answer::DONE },
    ];
    let stood = [0, 1, 2, 4, 5].map(|until| stood(delivery(0, 1), &events[..until]));
    assert_eq!(stood, [at(0, 1, 1), at(0, 1, 1), at(0, 1, 2), at(0, 1, 3), delivery(0, 1).ack()]);
}

#[test]
fn the_longest_jump_stands_for_what_cut_a_later_delivery_short_and_for_shorter_jumps() {
    let longest = 24 * 60 * 60 + 1;
    assert_eq!(jump_instead(&crash(at(0, 1, 2))), None);
    assert_eq!(jump_instead(&crash(at(0, 2, 2))), Some(advance(at(0, 2, 2), longest)));
    assert_eq!(jump_instead(&cancel(at(0, 3, 2))), Some(advance(at(0, 3, 2), longest)));
    assert_eq!(jump_instead(&overlap(at(0, 2, 2))), None);
    assert_eq!(longest_jump(&advance(at(0, 1, 2), 31)), Some(advance(at(0, 1, 2), longest)));
    assert_eq!(longest_jump(&advance(at(0, 1, 2), longest)), None);
    assert_eq!(longest_jump(&crash(at(0, 1, 2))), None);
}

#[test]
fn a_jump_may_as_well_stand_at_a_later_delivery_and_a_crash_where_another_one_stood() {
    let store = KeyValue::new("kv").observed();
    let mut stage = Stage::new(store, async |kv: &KeyValue, _: &Given| {
        kv.put("a", "1").await?;
        kv.put("a", "2").await
    });
    let pause = |at| Fault::Pause { at, until: None };
    let faults = vec![
        advance(at(0, 1, 1), 1),
        Fault::LoseAck { delivery: delivery(0, 1) },
        pause(at(1, 1, 2)),
        crash(at(2, 1, 2)),
    ];
    let replay = stage.replay(3, &faults);
    assert_eq!(replay.unused, []);
    let history = History { model: DeliveryModel::at_least_once(), processes: 2, messages: Vec::new(), faults };
    let found = elsewhere(&history, &replay);
    let place = |of: usize| replay.acted.iter().position(|acted| acted.fault == of).expect("it acted");
    assert_eq!(found[place(0)], [at(0, 2, 1), at(1, 2, 1), at(2, 2, 1)]);
    assert_eq!((&*found[place(1)], &*found[place(2)]), (&[][..], &[][..]));
    assert_eq!(found[place(3)], [at(1, 1, 2)]);
}
