//! The enumerator where handlers spawn, held against cases that were counted by hand.

use super::{
    enumerate::{Judged, counts, histories},
    program::{
        Insert::IfAbsent,
        Instruction::{self, Apply, Begin, Commit, Mark, Spawn},
        Job, Program,
    },
    simulate::Model,
};

fn of(body: &[Instruction], faults: usize) -> Vec<Judged> {
    histories(Model::AtLeastOnce, &Program::new(body.iter().copied()), &[100], faults)
}

fn violated(all: &[Judged]) -> Vec<String> {
    let violated = all.iter().filter(|one| one.violated).map(Judged::to_string);
    violated.filter(|one| !one.starts_with("[advance")).collect()
}

#[test]
fn what_was_spawned_goes_on_when_its_handler_is_dropped_and_not_when_its_process_dies() {
    // As of one operation (seven at the operation, a held copy, four at the acknowledgement), and five jumps of the clock at
    // either point: whoever waits for a task waits for what is not the machine's.
    let (own, spawned) = (of(&[Apply], 1), of(&[Spawn(Job::Apply)], 1));
    assert_eq!((counts(&own), counts(&spawned)), (vec![(1, 0), (12, 7)], vec![(1, 0), (22, 8)]));
    let mut more = violated(&spawned);
    more.retain(|one| !violated(&own).contains(one));
    assert_eq!(more, ["[cancel m0#1.1] violated"]);
    assert!(spawned.iter().any(|one| one.to_string() == "[crash m0#1.1] holds"));
}

#[test]
fn what_is_spawned_is_in_no_transaction_and_waits_for_that_of_its_own_handler() {
    // It gives up, and so does the handler: each time.
    assert_eq!(violated(&of(&[Begin, Spawn(Job::Apply), Commit], 0)), ["[] violated"]);
    // Nothing keeps it from another store; but what is emitted there is not undone.
    let emits = of(&[Begin, Mark(IfAbsent), Spawn(Job::Emit), Commit], 1);
    assert!(violated(&emits).contains(&"[fail m0#1.4] violated".to_owned()), "{emits:?}");
}

#[test]
fn a_dropped_handler_gives_its_lock_back_and_what_it_spawned_may_take_it() {
    // The transaction is rolled back where the handler is dropped, and what waited for it would have gone on for ever.
    let all = of(&[Begin, Spawn(Job::Apply)], 1);
    assert!(all.iter().any(|one| one.to_string() == "[cancel m0#1.2] violated" && one.seen.0 == 100), "{all:?}");
}
