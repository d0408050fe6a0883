//! What is made of the executions of handlers that are drawn, under faults that are drawn: the same histories from one version
//! to the next. Whether they replay to the same is tried beside this, of many more.

use super::{difference, history_of};
use crate::{
    DeliveryModel, KeyValue,
    history::{Fault, Payload, Published},
    machine::{
        drawn::{Draws, digest, number},
        testing::{Given, Stage},
    },
};

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
        let faults: Vec<Fault> = (0..1 + draws.below(4)).map(|_| draws.fault(messages)).collect();
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
    let told = models.map(|model| number(digest(made(0..300, model))));
    assert_eq!(told, ["300 ff80abde30a75e3d", "300 570f291e6eb45f4d", "300 5507dd6ab45fdb3c"]);
}
