//! The enumerator where something ends by itself, held against cases that were counted by hand.

use super::{
    enumerate::{Judged, counts, histories},
    program::{
        Insert::Plain,
        Instruction::{self, Apply, Check, Lease, Mark, Release, Sleep},
        Program,
    },
    system::Model,
};

const CHECK: Instruction = Check { leaves: true };

fn of(body: &[Instruction], messages: usize, faults: usize) -> Vec<Judged> {
    histories(Model::AtLeastOnce, &Program::new(body.iter().copied()), &[100, 300][..messages], faults)
}

fn judged(all: &[Judged], faults: &str) -> Option<bool> {
    all.iter().find_map(|one| (one.to_string().rsplit_once("] ")?.0 == format!("[{faults}")).then_some(one.violated))
}

#[test]
fn the_clock_jumps_to_the_end_of_a_lease_and_to_either_side_of_it() {
    let all = of(&[Lease, Release], 1, 1);
    let jumps =
        |point: &str| all.iter().filter(|one| one.to_string().starts_with(&format!("[advance {point} "))).count();
    // Before there is a lease, only up the ladder; after that to its end as well, even when it was given back.
    assert_eq!((jumps("m0#1.1"), jumps("m0#1.2"), jumps("m0#1.ack")), (5, 8, 8));
    for by in ["29999ms", "30s", "30001ms", "31s"] {
        assert_eq!(judged(&all, &format!("advance m0#1.2 {by}")), Some(false), "{by}");
    }
    // Beside those: at each operation overlap, duplicate, pause, crash, cancel, fail, lose-reply; a held copy; at the
    // acknowledgement overlap, pause, crash, lose-ack.
    assert_eq!(counts(&all), [(1, 0), (21 + 14 + 1 + 4, 0)]);
}

#[test]
fn who_stands_for_longer_than_the_lease_has_it_no_more() {
    let body = [Lease, CHECK, Apply, Mark(Plain), Release];
    let all = of(&body, 1, 2);
    assert_eq!(judged(&all, "overlap m0#1.3"), Some(false), "it finds the lease taken");
    // To the tick: a lease of half a minute is over when half a minute is over.
    assert_eq!(judged(&all, "advance m0#1.3 29999ms; overlap m0#1.3"), Some(false));
    assert_eq!(judged(&all, "advance m0#1.3 30s; overlap m0#1.3"), Some(true));
    assert_eq!(judged(&all, "advance m0#1.3 30001ms; overlap m0#1.3"), Some(true));
}

#[test]
fn a_lease_that_is_not_given_back_is_waited_for() {
    // m1 asks again after 1, 2, 4, 8 and 16 seconds: the last time the lease is over.
    assert!(of(&[Lease, Apply], 2, 0).iter().all(|one| !one.violated));
    // But nobody who takes it twice ever gets to the end.
    assert!(of(&[Lease, Lease, Apply], 1, 0).iter().all(|one| one.violated));
}

#[test]
fn who_waits_with_a_lease_lets_others_find_it_taken() {
    let all = of(&[Lease, Sleep, CHECK, Apply, Mark(Plain), Release], 2, 1);
    for overlap in ["overlap m0#1.2", "overlap m0#1.3", "overlap m0#1.4", "duplicate m0 at m0#1.3", "pause m0#1.3"] {
        assert_eq!(judged(&all, overlap), Some(false), "{overlap}");
    }
    assert_eq!(judged(&all, "crash m0#1.4"), Some(true), "a lease is no transaction");
}
