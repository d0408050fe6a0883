//! The enumerator where handlers spawn, held against cases that were counted by hand.

use super::{
    enumerate::{Judged, counts, go, histories},
    program::{
        Insert::{IfAbsent, Plain},
        Instruction::{self, Apply, Begin, Commit, Mark, Spawn},
        Job, Program,
    },
    schedule::Move,
    system::{Model, Place, System},
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

#[test]
fn of_two_whose_patience_ends_at_one_time_the_one_that_waited_first_gives_up_first() {
    // m0#2 has the lock, and its task waits for it. That lets m0#1 go on, which waits from the same time on: m0#2 gives up,
    // and m0#1 has the lock, and waits for it in turn. So there are ten seconds until m0 is delivered again, not five.
    let program = Program::new([Mark(Plain), Begin, Spawn(Job::Apply)]);
    let mut system = System::new(Model::AtLeastOnce, &program, &[100]);
    let mut gave_up = Vec::new();
    while let Some(next) = system.next_move().filter(|_| gave_up.len() < 2) {
        system.step += 1;
        match next {
            Move::Turn(0) if system.tasks.len() == 1 && system.tasks[0].place == Place::Operation(Mark(Plain)) => {
                system.beside(0, true);
            }
            Move::GiveUp(at, to) => {
                gave_up.push((system.tasks[at].point(), to));
                go(&mut system, next);
            }
            _ => go(&mut system, next),
        }
    }
    assert_eq!(gave_up, [("m0#2.3".to_owned(), 5_000), ("m0#1.3".to_owned(), 10_000)]);
}
