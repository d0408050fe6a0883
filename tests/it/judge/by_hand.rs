//! The enumerator itself, held against cases that were counted by hand.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{
    enumerate::{Judged, counts, histories},
    generate::programs,
    program::{
        Insert::{IfAbsent, Plain, Unique},
        Instruction::{self, Apply, Begin, Check, Commit, Emit, Mark, Set, Sleep},
        Program,
    },
    system::Model,
};

const CHECK: Instruction = Check { leaves: true };

fn of(body: &[Instruction], messages: usize, faults: usize) -> Vec<Judged> {
    let amounts = [100, 300];
    histories(Model::AtLeastOnce, &Program::new(body.iter().copied()), &amounts[..messages], faults)
}

/// The fewest faults with which this is violated, of up to so many.
fn fewest(body: &[Instruction], messages: usize, faults: usize) -> Option<usize> {
    let all = of(body, messages, faults);
    all.iter().filter(|history| history.violated).map(|history| history.faults.len()).min()
}

#[test]
fn one_message_and_one_operation() {
    // At the operation: overlap, duplicate, pause, crash, cancel, fail, lose-reply. Handled: a held duplicate. At the
    // acknowledgement: overlap, pause, crash, lose-ack.
    let added = of(&[Apply], 1, 1);
    assert_eq!(counts(&added), [(1, 0), (12, 7)]);
    let holds: BTreeSet<String> = added.iter().filter(|one| !one.violated).map(Judged::to_string).collect();
    let expected = [
        "[] holds",
        "[cancel m0#1.1] holds",
        "[crash m0#1.1] holds",
        "[fail m0#1.1] holds",
        "[pause m0#1.1] holds",
        "[pause m0#1.ack] holds",
    ];
    assert_eq!(holds, expected.map(str::to_owned).into());
    assert_eq!(counts(&of(&[Set], 1, 1)), [(1, 0), (12, 0)]);
}

#[test]
fn each_history_is_met_once() {
    for body in [&[CHECK, Apply, Mark(Plain)][..], &[Begin, Mark(IfAbsent), Apply, Commit], &[Emit]] {
        let all = of(body, 2, 2);
        let distinct: BTreeSet<BTreeSet<_>> = all.iter().map(|one| one.faults.iter().cloned().collect()).collect();
        assert_eq!(all.len(), distinct.len());
    }
}

#[test]
fn two_messages_and_nothing_to_do() {
    // A handler without operations: at each acknowledgement overlap, pause, crash, lose-ack; a held copy of each; and m0 deferred past m1, which is the only thing handed out while another message is not handled.
    assert_eq!(counts(&of(&[], 2, 1)), [(1, 0), (11, 0)]);
}

#[test]
fn three_steps_break_with_one_fault() {
    assert_eq!(fewest(&[CHECK, Apply, Mark(Unique)], 1, 2), Some(1));
    assert_eq!(fewest(&[CHECK, Mark(Unique), Apply], 1, 2), Some(1));
    assert_eq!(fewest(&[Mark(IfAbsent), Apply], 1, 2), Some(1));
}

#[test]
fn one_transaction_holds() {
    for mark in [Unique, IfAbsent, Plain] {
        assert_eq!(fewest(&[Begin, CHECK, Apply, Mark(mark), Commit], 2, 2), None);
    }
    // The check outside is only a short cut where the constraint decides, and decides nothing by itself.
    assert_eq!(fewest(&[CHECK, Begin, Apply, Mark(Unique), Commit], 2, 2), None);
    assert_eq!(fewest(&[CHECK, Begin, Apply, Mark(Plain), Commit], 1, 2), Some(1));
}

#[test]
fn a_stale_value_comes_back_with_a_second_message() {
    assert_eq!(fewest(&[Set], 1, 2), None);
    let all = of(&[Set], 2, 1);
    let violated: Vec<String> = all.iter().filter(|one| one.violated).map(Judged::to_string).collect();
    // m0 was handled, then delivered again after m1. A lost reply is no such thing: m0 is handled after m1 then.
    assert_eq!(violated, ["[crash m0#1.ack] violated", "[lose-ack m0#1] violated"]);
}

#[test]
fn two_faults_where_one_is_not_enough() {
    // The second delivery writes while the first stands; the first goes on after the other message.
    assert_eq!(fewest(&[CHECK, Set, Mark(Plain)], 2, 1), None);
    let all = of(&[CHECK, Set, Mark(Plain)], 2, 2);
    let overwrites = "[overlap m0#1.2; pause m0#1.2] violated";
    assert!(all.iter().any(|one| one.to_string() == overwrites), "{all:?}");
}

#[test]
fn a_handler_that_always_fails_is_stuck_without_a_fault() {
    assert_eq!(fewest(&[Mark(Unique), Mark(Unique)], 1, 1), Some(0));
    // The second delivery finds the mark of the first, but no single delivery does that.
    assert_eq!(fewest(&[CHECK, Mark(Unique), Mark(Unique)], 1, 1), Some(0));
}

#[test]
fn the_generator_makes_handlers_of_every_kind() {
    let mut runner = TestRunner::deterministic();
    let mut kinds = BTreeMap::new();
    let (mut sleep, mut impatient) = (0, 0);
    for _ in 0..200 {
        let program = programs().new_tree(&mut runner).expect("a program").current();
        sleep += u32::from(program.body.contains(&Sleep));
        impatient += u32::from(program.impatient);
        *kinds.entry(fewest(&program.body, 1, 1)).or_insert(0) += 1;
    }
    // Right ones, ones that are wrong with one fault, ones that are wrong by themselves.
    let kind = |fewest| kinds.get(&fewest).copied().unwrap_or(0);
    assert!(kind(None) > 40 && kind(Some(1)) > 40 && kind(Some(0)) > 5, "{kinds:?}");
    assert!(sleep > 20 && impatient > 10, "{sleep} sleep, {impatient} are impatient");
}

#[test]
fn who_sleeps_between_the_check_and_the_effect_needs_no_more_than_a_second_message_to_be_disturbed() {
    // While m0 sleeps nothing is in the way of m1; but both are handled once each.
    assert_eq!(fewest(&[CHECK, Sleep, Apply, Mark(Plain)], 2, 0), None);
    assert_eq!(fewest(&[CHECK, Sleep, Apply, Mark(Plain)], 1, 1), Some(1));
}

#[test]
fn an_operation_that_is_given_up_never_acts() {
    let program = Program { impatient: true, ..Program::new([Apply]) };
    let all = histories(Model::AtLeastOnce, &program, &[100], 1);
    // The clock jumps before it acts: it is given up, and the message is handled a second later.
    let jumps = all.iter().filter(|history| history.to_string().starts_with("[advance m0#1.1 "));
    assert_eq!(jumps.clone().count(), 5);
    assert!(jumps.into_iter().all(|history| !history.violated));
}

#[test]
fn who_has_waited_long_enough_gives_up_where_the_clock_stands() {
    // m0#1 and m1#1 wait for m0#2. The clock jumps past the patience of both before m0#1 has the lock: m1#1 finds it taken
    // again, gives up, and is handled later. Did the clock go back for it, it would never come to an end.
    let all = of(&[Begin, Sleep], 2, 2);
    let late = all.iter().find(|one| one.to_string() == "[overlap m0#1.1; advance m0#2.ack 86401s] holds");
    assert!(late.is_some(), "{all:?}");
}
