//! The walk by itself, driven by hand: the test plays the machine, and says who can go on and what each step touched.

use super::{
    Explorer, Scope,
    walk::{self, Walk},
};
use crate::machine::{
    chooser::{
        Choice::{self, Clock, Crash, Step},
        Chooser, Open,
    },
    footprint::{Access, row},
};

/// An explorer in its first execution.
fn explorer(crashes: usize) -> Explorer {
    let explorer = Explorer::new(Scope { crashes, reduces: true, time_matters: false, blind: false });
    explorer.with(Walk::begin);
    explorer
}

/// Whether there is another execution, which then begins.
fn again(explorer: &Explorer) -> bool {
    let more = explorer.with(walk::Walk::turn_back);
    explorer.with(Walk::begin);
    more
}

fn bits(processes: &[usize]) -> u16 {
    processes.iter().fold(0, |bits, process| bits | 1 << process)
}

fn steps(processes: &[usize]) -> Open {
    Open { steps: bits(processes), ..Open::default() }
}

fn writes(names: &[&str]) -> Vec<Access> {
    names.iter().map(|name| Access::write(0, row(name))).collect()
}

/// What the walk chooses of this is as expected, and happens.
fn goes(explorer: &Explorer, open: Open, choice: Choice, touches: &[&str]) {
    assert_eq!(explorer.choose(&open), Some(choice));
    explorer.came(choice, true, &writes(touches));
}

/// What it chooses is as expected, and has to wait for a lock.
fn waits(explorer: &Explorer, open: Open, process: usize) {
    assert_eq!(explorer.choose(&open), Some(Step(process)));
    explorer.came(Step(process), false, &[Access::acquire(0, row("lock"))]);
}

/// Explores processes that each do these steps, which touch these rows: how many executions there are, and how many more are
/// cut short.
fn explored(programs: &[&[&[&str]]]) -> (usize, usize) {
    let explorer = explorer(0);
    let (mut executions, mut cut) = (0, 0);
    loop {
        let mut done = vec![0; programs.len()];
        let ended = loop {
            let can: Vec<usize> = (0..programs.len()).filter(|of| done[*of] < programs[*of].len()).collect();
            if can.is_empty() {
                break true;
            }
            let Some(choice) = explorer.choose(&steps(&can)) else { break false };
            let Step(of) = choice else { panic!("nobody crashes and no clock moves") };
            explorer.came(choice, true, &writes(programs[of][done[of]]));
            done[of] += 1;
        };
        (executions, cut) = (executions + usize::from(ended), cut + usize::from(!ended));
        if !again(&explorer) {
            return (executions, cut);
        }
    }
}

#[test]
fn of_executions_that_differ_only_in_the_order_of_what_commutes_there_is_one() {
    assert_eq!(explored(&[&[&["a"], &["b"]], &[&["c"]], &[&["d"]]]), (1, 0));
    assert_eq!(explored(&[&[&["a"]], &[&["a"]], &[&["a"]]]), (6, 0), "each order");
    // The third comes before or after either of the first two, and the last is nobody's business.
    assert_eq!(explored(&[&[&["a"]], &[&["b"]], &[&["a", "b"]], &[&["c"]]]), (4, 0));
    // Twice a step of the second is between two of the first, or not: as many as there are ways to mix them.
    assert_eq!(explored(&[&[&["a"], &["a"]], &[&["a"], &["a"]]]), (6, 0));
    // The steps of a process stay in their order, whatever they touch.
    assert_eq!(explored(&[&[&["a"], &["x"], &["b"]], &[&["b"], &["y"], &["a"]]]), (3, 0));
}

#[test]
fn what_is_told_the_same_and_does_something_else_is_noticed() {
    // Whether the second execution, which begins as the first one did, differs if its first step comes to this.
    let differs = |acted, touches: &[&str]| {
        let explorer = explorer(0);
        goes(&explorer, steps(&[0, 1]), Step(0), &["own"]);
        goes(&explorer, steps(&[0, 1]), Step(0), &["shared"]);
        goes(&explorer, steps(&[1]), Step(1), &["shared"]);
        assert!(again(&explorer), "the last two may come the other way around");
        assert_eq!(explorer.choose(&steps(&[0, 1])), Some(Step(0)));
        explorer.came(Step(0), acted, &writes(touches));
        explorer.with(|walk| walk.differs)
    };
    assert!(!differs(true, &["own"]));
    assert!(differs(true, &["another"]));
    assert!(differs(true, &["own", "another"]));
    assert!(differs(false, &["own"]), "it found a lock taken");
}

#[test]
fn who_had_to_wait_and_then_need_not_is_noticed() {
    let differs = |acted| {
        let explorer = explorer(0);
        waits(&explorer, steps(&[0, 1]), 0);
        waits(&explorer, steps(&[1]), 1);
        let nobody = Open { clock: true, give_up: bits(&[0, 1]), ..Open::default() };
        goes(&explorer, nobody, Clock(Some(0)), &[]);
        assert!(again(&explorer), "the other one gives up");
        assert_eq!(explorer.choose(&steps(&[0, 1])), Some(Step(1)), "that one tries first");
        explorer.came(Step(1), acted, &[Access::acquire(0, row("lock"))]);
        explorer.with(|walk| walk.differs)
    };
    assert!(!differs(false));
    assert!(differs(true));
}

#[test]
fn nobody_is_tried_in_the_place_of_one_that_a_race_asked_for_and_that_has_to_wait() {
    let explorer = explorer(0);
    goes(&explorer, steps(&[0, 1, 2]), Step(0), &["a"]);
    goes(&explorer, steps(&[1]), Step(1), &["a"]);
    assert!(again(&explorer));
    waits(&explorer, steps(&[0, 1, 2]), 1);
    assert_eq!(explorer.choose(&steps(&[0, 2])), None, "the third would come to what the first execution came to");
    assert!(explorer.with(|walk| walk.is_cut));
}

#[test]
fn whoever_was_looked_at_and_can_go_on_is_enough_where_another_has_to_wait() {
    let explorer = explorer(1);
    let may_crash = |open: Open| Open { crashes: bits(&[0]), ..open };
    goes(&explorer, steps(&[0, 1, 2, 3]), Step(0), &["x"]);
    goes(&explorer, may_crash(steps(&[0, 1, 2, 3])), Step(0), &["y"]);
    goes(&explorer, steps(&[1, 2, 3]), Step(1), &["y"]);
    assert!(again(&explorer));
    goes(&explorer, steps(&[0, 1, 2, 3]), Step(0), &["x"]);
    goes(&explorer, may_crash(steps(&[0, 1, 2, 3])), Crash(0), &["z"]);
    assert!(again(&explorer));
    goes(&explorer, steps(&[0, 1, 2, 3]), Step(0), &["x"]);
    goes(&explorer, may_crash(steps(&[0, 1, 2, 3])), Step(1), &["y"]);
    // The crash of the first was explored and sleeps, so that its step alone is not enough; it waits, and the third can go on.
    waits(&explorer, may_crash(steps(&[0, 2, 3])), 0);
    goes(&explorer, may_crash(steps(&[2, 3])), Step(2), &["w"]);
    assert!(!again(&explorer), "the fourth need not be tried there");
}
