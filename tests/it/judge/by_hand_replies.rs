//! The enumerator where clients send again and compare what they hear, held against cases that were counted by hand.

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{
    enumerate::{Judged, counts, histories},
    generate::replying_programs,
    program::{
        Insert::{IfAbsent, Plain, Unique},
        Instruction::{self, Apply, Begin, Check, Commit, Keep, Mark, Read, Recall},
        Program,
    },
    system::{Model, System},
};

const CHECK: Instruction = Check { leaves: true };

fn requested(program: &Program, messages: usize, faults: usize) -> Vec<Judged> {
    histories(Model::RequestReply, program, &[100, 300][..messages], faults)
}

fn violated(all: &[Judged]) -> Vec<String> {
    let mut violated: Vec<String> =
        all.iter().filter(|one| one.violated).flat_map(|one| one.faults.iter().map(ToString::to_string)).collect();
    violated.sort();
    violated
}

#[test]
fn whoever_hears_fresh_and_duplicate_was_answered_otherwise() {
    let program = Program { speaks: true, ..Program::new([Mark(IfAbsent)]) };
    let all = requested(&program, 1, 1);
    assert_eq!(counts(&all), [(1, 0), (12, 7)]);
    // Where only the second of two answers arrives, it is that of the first that is missed.
    let expected = [
        "crash m0#1.ack",
        "duplicate m0",
        "duplicate m0 at m0#1.1",
        "lose-ack m0#1",
        "lose-reply m0#1.1",
        "overlap m0#1.1",
        "overlap m0#1.ack",
    ];
    assert_eq!(violated(&all), expected);
    assert_eq!(counts(&histories(Model::AtLeastOnce, &program, &[100], 1)), [(1, 0), (12, 0)], "nobody listens");
    assert_eq!(counts(&requested(&Program { speaks: false, ..program }, 1, 1)), [(1, 0), (12, 0)], "nothing is said");
}

#[test]
fn a_rejection_of_what_was_handled_is_another_answer_and_of_what_was_not_it_is_the_last() {
    let program = Program { refuses: true, ..Program::new([Mark(IfAbsent), Apply]) };
    let all = requested(&program, 1, 1);
    let rejected = violated(&all);
    // Marked and not applied, then rejected: absent, as a message may be that nobody handled.
    for holds in ["crash m0#1.2", "fail m0#1.2", "lose-reply m0#1.1", "lose-reply m0#1.2"] {
        assert!(all.iter().any(|one| one.to_string() == format!("[{holds}] holds")), "{holds}: {rejected:?}");
    }
    for other in ["crash m0#1.ack", "duplicate m0", "lose-ack m0#1", "overlap m0#1.1", "overlap m0#1.2"] {
        assert!(rejected.iter().any(|one| one == other), "{other}: {rejected:?}");
    }
}

#[test]
fn a_reply_that_is_kept_with_the_effect_holds() {
    assert!(violated(&requested(&Program::new([Begin, Recall, Apply, Read, Keep, Commit]), 2, 2)).is_empty());
    // Kept after the effect it comes too late for whoever is delivered between.
    let late = requested(&Program::new([Recall, Apply, Read, Keep]), 1, 1);
    assert!(violated(&late).contains(&"crash m0#1.4".to_owned()), "{late:?}");
}

#[test]
fn whoever_leaves_at_its_mark_has_read_nothing_to_reply_with() {
    let again = requested(&Program::new([Begin, CHECK, Apply, Mark(Plain), Read, Commit]), 1, 1);
    assert!(violated(&again).contains(&"lose-ack m0#1".to_owned()), "{again:?}");
    // Who reads before the check replies with another balance than it did before the effect.
    let before = requested(&Program::new([Begin, Read, CHECK, Apply, Mark(Plain), Commit]), 1, 1);
    assert!(violated(&before).contains(&"lose-ack m0#1".to_owned()), "{before:?}");
}

#[test]
fn a_client_that_is_never_answered_is_stuck_though_its_request_was_handled() {
    let program = Program::new([Mark(Unique)]);
    let stuck = |model| violated(&histories(model, &program, &[100], 1)).contains(&"lose-ack m0#1".to_owned());
    assert!(stuck(Model::RequestReply) && !stuck(Model::AtLeastOnce));
}

#[test]
fn a_request_that_is_sent_again_goes_to_the_next_process() {
    let program = Program::new([Apply]);
    let went = [Model::AtLeastOnce, Model::RequestReply].map(|model| {
        let mut system = System::new(model, &program, &[100]);
        [0, 1, 2].map(|_| {
            let process = system.goes_to(0);
            let at = system.deliver(0, process);
            system.end(at, false);
            process
        })
    });
    assert_eq!(went, [[0, 0, 0], [0, 1, 0]]);
}

#[test]
fn the_generator_makes_handlers_that_their_replies_alone_convict() {
    let mut runner = TestRunner::deterministic();
    let (mut by_replies, mut right) = (0, 0);
    for _ in 0..100 {
        let program = replying_programs().new_tree(&mut runner).expect("a program").current();
        let breaks = |model| histories(model, &program, &[100], 1).iter().any(|one| one.violated);
        match (breaks(Model::RequestReply), breaks(Model::AtLeastOnce)) {
            (true, false) => by_replies += 1,
            (false, _) => right += 1,
            (true, true) => {}
        }
    }
    assert!(by_replies > 10 && right > 10, "{by_replies} by replies alone, {right} right");
}
