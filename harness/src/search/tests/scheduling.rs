//! The scheduling order, as far as the search rests on it.

use std::collections::BTreeSet;

use super::toys::{self, history};
use crate::{
    Delivery, Error, History, KeyValue,
    machine::trace::{Detail, Event, Replay},
    subject::{Job, Subject},
};

async fn four_steps(kv: &KeyValue, _m: &Delivery<i64>) -> Result<(), Error> {
    for step in 0..4 {
        kv.get(&format!("step:{step}")).await?;
    }
    Ok(())
}

fn replay(subject: &mut dyn Subject, history: &History) -> Replay {
    let replay = subject.run(Job::Replay(history), Detail::Facts).unwrap();
    assert_eq!(replay.unused, [], "{history}");
    replay
}

/// Which delivery took each step: `false` for the first that began.
fn steps(replay: &Replay) -> Vec<bool> {
    let mut first = None;
    let steps = replay.events.iter().filter_map(|event| match event {
        Event::Step { at, .. } => Some(*first.get_or_insert(at.task) != at.task),
        _ => None,
    });
    steps.collect()
}

/// Every order of four steps of one and four of another, the first one's first step first.
fn interleavings() -> Vec<Vec<bool>> {
    let all = (0_u32..256).map(|bits| (0..8).map(|bit| bits >> bit & 1 == 1).collect::<Vec<bool>>());
    all.filter(|order| order.iter().filter(|second| **second).count() == 4).collect()
}

/// The faults that make this order: each switch is a pause, and the first one begins the other delivery.
fn faults(order: &[bool], [one, other]: [&str; 2], begin: &str) -> String {
    let mut faults = String::new();
    let mut taken = [0, 0];
    let mut began = false;
    for pair in order.windows(2) {
        taken[usize::from(pair[0])] += 1;
        if pair[0] != pair[1] && taken[usize::from(pair[0])] < 4 {
            let word = if began { "pause" } else { begin };
            began = true;
            let delivery = if pair[0] { other } else { one };
            faults += &format!("{word} {delivery}.{}\n", taken[usize::from(pair[0])] + 1);
        }
    }
    faults
}

#[test]
fn every_interleaving_of_two_messages_is_the_replay_of_a_history() {
    let subject = &mut toys::subject(four_steps);
    let mut seen = BTreeSet::new();
    for order in interleavings() {
        // Names are by publish order: where the second message goes first, it is the other one that was put off.
        let goes_first = if order[0] { ["m1#1", "m0#1"] } else { ["m0#1", "m1#1"] };
        let order: Vec<bool> = order.iter().map(|second| *second != order[0]).collect();
        let mut text = faults(&order, goes_first, "pause");
        if goes_first[0] == "m1#1" {
            // `m0` is held until `m1` stands, by a pause at its first step.
            text = format!("pause m0#1.1\n{text}");
        }
        let history = history(subject, 2, &text);
        assert_eq!(steps(&replay(subject, &history)), order, "{history}");
        seen.insert((goes_first, order));
    }
    assert_eq!(seen.len(), 70);
}

#[test]
fn every_interleaving_with_an_overlap_is_the_replay_of_a_history() {
    let subject = &mut toys::subject(four_steps);
    for order in interleavings().into_iter().filter(|order| !order[0]) {
        // One after the other is no overlap but at the acknowledgement.
        let text = match faults(&order, ["m0#1", "m0#2"], "overlap") {
            none if none.is_empty() => "overlap m0#1.ack\n".to_owned(),
            some => some,
        };
        let history = history(subject, 1, &text);
        assert_eq!(steps(&replay(subject, &history)), order, "{history}");
    }
}

#[test]
fn a_deferral_acts_where_the_copy_would_be_handed_out() {
    let subject = &mut toys::subject(four_steps);
    let late = history(subject, 2, "crash m0#1.2\ndefer m1 past m0\n");
    let replay = replay(subject, &late);
    let crashed = replay.events.iter().position(|event| matches!(event, Event::Crashed { .. })).unwrap();
    assert_eq!(replay.acted.iter().map(|acted| acted.fault).collect::<Vec<_>>(), [0, 1]);
    assert!(replay.acted[1].position > crashed);
    let first = replay.fates[1].first_delivered.unwrap();
    assert!(replay.fates[0].handled.unwrap() <= first, "m1 comes after m0 was handled");
    // Where it changes nothing it does not act.
    let idle = history(subject, 2, "defer m1 past m0\n");
    let replay = subject.run(Job::Replay(&idle), Detail::Facts).unwrap();
    assert_eq!(replay.unused.len(), 1);
}
