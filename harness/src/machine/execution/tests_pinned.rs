//! What is made of the executions of handlers that are drawn, under faults that are drawn: the same histories from one version
//! to the next. Whether they replay to the same is tried beside this, of many more.

use std::time::Duration;

use super::{difference, history_of};
use crate::{
    DeliveryModel, KeyValue,
    history::{Coordinate, Deferred, DeliveryName, Fault, Payload, Published},
    machine::{
        drawn::{Draws, digest, number},
        testing::{Given, Stage, at, delivery},
    },
};

fn delivered(draws: &mut Draws, messages: u64) -> DeliveryName {
    delivery(draws.below(messages) as usize, 1 + draws.below(3) as u32 / 2)
}

fn point(draws: &mut Draws, messages: u64) -> Coordinate {
    let of = delivered(draws, messages);
    match draws.below(6) as u32 {
        0 => of.ack(),
        operation => at(of.message, of.number, operation),
    }
}

fn fault(draws: &mut Draws, messages: u64) -> Fault {
    let (at, of) = (point(draws, messages), delivered(draws, messages));
    let message = of.message;
    match draws.below(12) {
        0 => Fault::Crash { at },
        1 => Fault::Fail { at },
        2 => Fault::LoseReply { at },
        3 => Fault::Overlap { at, to: draws.one_of(&[None, Some(0), Some(1)]) },
        4 | 5 => Fault::Pause { at, until: None },
        6 => Fault::Pause { at, until: Some(point(draws, messages)) },
        7 => Fault::Advance { at, by: Duration::from_secs(draws.one_of(&[1, 6, 31])) },
        8 => Fault::LoseAck { delivery: of },
        9 => Fault::Duplicate { message, at: draws.one_of(&[None, Some(at)]) },
        10 => Fault::Cancel { at },
        _ => Fault::Defer { what: draws.one_of(&[Deferred::Message(message), Deferred::Delivery(of)]), past: 0 },
    }
}

/// A line for what is made of each of so many executions.
fn made(seeds: std::ops::Range<u64>, model: DeliveryModel) -> Vec<String> {
    let lines = seeds.map(|seed| {
        let mut draws = Draws(seed);
        let (program, isolation) = (draws.program(), draws.isolation());
        let store = KeyValue::new("kv").isolation(isolation).observed();
        let handler = async move |kv: &KeyValue, given: &Given| {
            program.run(kv, &format!("m{}", given.message), given.message % 2 == 1).await
        };
        let mut stage = Stage::new(store, handler).under(model, &[]);
        let messages = 1 + draws.below(3);
        let faults: Vec<Fault> = (0..1 + draws.below(4)).map(|_| fault(&mut draws, messages)).collect();
        let execution = stage.replay(messages as usize, &faults);
        let published = Published { id: None, ordering_key: None, payload: Payload::Written("1".to_owned()) };
        match history_of(&execution, model, 2, &vec![published; messages as usize]) {
            Ok(history) => {
                let again = stage.replay(messages as usize, &history.faults);
                let faults: String = history.faults.iter().map(|fault| format!("; {fault}")).collect();
                format!("{seed}{faults}{}", if difference(&execution, &again).is_some() { "; differs" } else { "" })
            }
            Err(why) => format!("{seed}: {why}"),
        }
    });
    lines.collect()
}

#[test]
fn the_same_histories_are_made_from_one_version_to_the_next() {
    let models = [DeliveryModel::at_least_once(), DeliveryModel::at_most_once(), DeliveryModel::request_reply()];
    for line in made(0..60, models[0]) { println!("{line}"); }
    let told = models.map(|model| number(digest(made(0..200, model))));
    assert_eq!(told, [""; 3]);
}
