//! What is made of the executions of handlers that are drawn, under faults that are drawn: the same histories from one version
//! to the next. Whether they replay to the same is tried beside this, of many more.

use super::{Try, difference, follow::Follow, history_of, record::Record};
use crate::{
    DeliveryModel, Error, KeyValue,
    history::{Fault, Payload, Published},
    machine::{
        drawn::{Draws, digest, number},
        testing::{Given, Stage},
        trace::Replay,
    },
};

/// What replays a handler that is drawn, of how many messages, and an execution of it under faults that are drawn too.
#[expect(clippy::type_complexity, reason = "a handler that is drawn has no name")]
fn drawn(
    seed: u64,
    model: DeliveryModel,
) -> (Stage<KeyValue, KeyValue, impl AsyncFn(&KeyValue, &Given) -> Result<(), Error> + 'static>, usize, Replay) {
    let mut draws = Draws(seed);
    let (program, isolation) = (draws.program(), draws.isolation());
    let store = KeyValue::new("kv").isolation(isolation).observed();
    let handler = async move |kv: &KeyValue, given: &Given| {
        program.run(kv, &format!("m{}", given.message), given.message % 2 == 1).await
    };
    let mut stage = Stage::new(store, handler).under(model, &[]);
    let messages = 1 + draws.below(3);
    let faults: Vec<Fault> = (0..1 + draws.below(4)).map(|_| draws.fault(messages)).collect();
    let execution = stage.replay(messages as usize, &faults);
    (stage, messages as usize, execution)
}

/// A line for what is made of each of so many executions.
fn made(seeds: std::ops::Range<u64>, model: DeliveryModel) -> Vec<String> {
    let lines = seeds.map(|seed| {
        let (mut stage, messages, execution) = drawn(seed, model);
        let published = Published { id: None, ordering_key: None, payload: Payload::Written("1".to_owned()) };
        match history_of(&execution, model, 2, &vec![published; messages]) {
            Ok(history) => {
                let again = stage.replay(messages, &history.faults);
                let faults: String = history.faults.iter().map(|fault| format!("; {fault}")).collect();
                format!("{seed}{faults}{}", if difference(&execution, &again).is_some() { "; differs" } else { "" })
            }
            Err(why) => format!("{seed}: {why}"),
        }
    });
    lines.collect()
}

/// A line for how far each of so many executions is followed where the likeliest way is always taken, and with which faults:
/// how often there was a choice, and among how many ways.
fn followed(seeds: std::ops::Range<u64>, model: DeliveryModel) -> Vec<String> {
    let lines = seeds.map(|seed| {
        let (_, messages, execution) = drawn(seed, model);
        let record = Record::new(&execution.events);
        let likeliest = Try::default();
        let mut follow = Follow::new(&record, &likeliest, model.rules(), 2, messages);
        let came = follow.go_to_the_end().is_ok();
        let faults: String = follow.faults.iter().map(|fault| format!("; {fault}")).collect();
        format!("{seed} {came} {} {:?} {:?}{faults}", follow.next, follow.choices.met, follow.lingers())
    });
    lines.collect()
}

#[test]
fn the_same_histories_are_made_from_one_version_to_the_next() {
    let models = [DeliveryModel::at_least_once(), DeliveryModel::at_most_once(), DeliveryModel::request_reply()];
    let told = models.map(|model| number(digest(made(0..300, model))));
    assert_eq!(told, ["300 ff80abde30a75e3d", "300 570f291e6eb45f4d", "300 5507dd6ab45fdb3c"]);
}

#[test]
fn the_same_ways_are_the_likeliest_from_one_version_to_the_next() {
    let models = [DeliveryModel::at_least_once(), DeliveryModel::at_most_once(), DeliveryModel::request_reply()];
    let told = models.map(|model| number(digest(followed(0..300, model))));
    assert_eq!(told, ["300 8a40047e7c2ef401", "300 2888c374a49fa97c", "300 a21eb1d2a69f2d42"]);
}
