//! What threads of one process claim from each other, in every interleaving: the files of `strategies/src/claims`, compiled
//! over loom's locks (`crate::claims`).
//!
//! What a crash of the process does to such a claim is in `strategies`, where the same files guard a handler.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
};

use redeliver::threads::{
    check_claim,
    loom::{model, sync::Arc, thread},
};
use redeliver_strategies::claims::table::Table as StdTable;

use crate::claims::{
    lease::{Lease, TakesItsWord, Written},
    sequence::{Accepted, LooksThenWrites, Sequences},
    sharded::{DealtInTurn, Sharded},
    table::{Table, TwoLocks},
    window::{ForgetsTheOldest, Window},
};

/// What a panicking check says.
fn complaint(check: impl FnOnce()) -> String {
    let panic = panic::catch_unwind(AssertUnwindSafe(check)).expect_err("it is broken, and must be found out");
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap()
}

#[test]
fn exactly_one_of_two_and_of_three_threads_wins_a_claim() {
    let table =
        |threads| check_claim(threads, Table::<u64>::new, Table::claim, |table, id| table.give_up(&id)).executions;
    let sharded = |threads| check_claim(threads, Sharded::new, Sharded::claim, Sharded::give_up).executions;
    let window = |threads| check_claim(threads, || Window::new(1), Window::claim, Window::give_up).executions;
    assert_eq!([table(2), sharded(2), window(2)], [22, 19, 22]);
    assert_eq!([table(3), sharded(3)], [5_760, 5_535]);
}

#[test]
fn a_check_and_an_insert_under_two_locks_lets_both_win() {
    let said = complaint(|| {
        check_claim(2, TwoLocks::<u64>::new, TwoLocks::claim, |table, id| table.give_up(&id));
    });
    assert_eq!(said, "2 of 2 concurrent claims of one id won: exactly one must (the claim is not one atomic step)");
}

#[test]
fn shards_that_are_dealt_in_turn_let_both_win() {
    let said = complaint(|| {
        check_claim(2, DealtInTurn::new, DealtInTurn::claim, DealtInTurn::give_up);
    });
    assert!(
        said.ends_with("concurrent claims of one id won: exactly one must (the claim is not one atomic step)"),
        "{said}"
    );
}

/// While one id is being handled, others come and are done. Whether it was won a second time.
fn overflows<T: 'static>(new: fn() -> T, claim: fn(&T, u64) -> bool, done: fn(&T, u64)) -> u64 {
    let executions = std::sync::Arc::new(AtomicU64::new(0));
    let counted = std::sync::Arc::clone(&executions);
    model(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let window = Arc::new(new());
        assert!(claim(&window, 1));
        let others = thread::spawn({
            let window = Arc::clone(&window);
            move || {
                for id in [2, 3] {
                    assert!(claim(&window, id));
                    done(&window, id);
                }
            }
        });
        assert!(!claim(&window, 1), "an id that is being handled was forgotten, and won again");
        others.join().unwrap();
        assert!(!claim(&window, 1), "an id that is being handled was forgotten, and won again");
        done(&window, 1);
        assert!(!claim(&window, 1), "an id that was just done was forgotten");
    });
    executions.load(Ordering::Relaxed)
}

#[test]
fn a_window_never_forgets_an_id_that_is_being_handled() {
    assert_eq!(overflows(|| Window::new(1), Window::claim, Window::done), 7);
    let said = complaint(|| {
        overflows(|| ForgetsTheOldest::new(2), ForgetsTheOldest::claim, ForgetsTheOldest::done);
    });
    assert_eq!(said, "an id that is being handled was forgotten, and won again");
}

/// Two threads bring the same number of one producer, and one the same of another's.
fn sequence<T: 'static>(new: fn() -> T, accept: fn(&T, usize, u64) -> Accepted) {
    model(move || {
        let last = Arc::new(new());
        assert_eq!(accept(&last, 0, 2), Accepted::Gap);
        let other = thread::spawn({
            let last = Arc::clone(&last);
            move || [accept(&last, 0, 1), accept(&last, 1, 1)]
        });
        let own = accept(&last, 0, 1);
        let [one, another] = other.join().unwrap();
        let accepted = [own, one].iter().filter(|accepted| **accepted == Accepted::Next).count();
        assert!(accepted == 1, "a number was accepted {accepted} times");
        assert_eq!(another, Accepted::Next, "another producer's numbers are its own");
        assert_eq!((accept(&last, 0, 1), accept(&last, 0, 2)), (Accepted::Duplicate, Accepted::Next));
    });
}

#[test]
fn each_number_of_a_producer_is_accepted_once_and_in_order() {
    sequence(|| Sequences::new(2), Sequences::accept);
    let said = complaint(|| sequence(|| LooksThenWrites::new(2), LooksThenWrites::accept));
    assert_eq!(said, "a number was accepted 2 times");
}

/// A holder goes on to write when its lease has run out, while another one has it and writes.
fn zombie<T: 'static>(
    new: fn() -> T,
    acquire: fn(&T, u64, u64) -> Option<u64>,
    write: fn(&T, u64, u64) -> bool,
    written: fn(&T) -> Written,
) {
    model(move || {
        let lease = Arc::new(new());
        let first = acquire(&lease, 0, 30).unwrap();
        assert_eq!(acquire(&lease, 29, 59), None, "it is held");
        let other = thread::spawn({
            let lease = Arc::clone(&lease);
            move || {
                let second = acquire(&lease, 30, 60).unwrap();
                assert!(write(&lease, second, 200));
                second
            }
        });
        write(&lease, first, 100);
        let second = other.join().unwrap();
        let last = written(&lease);
        assert!(last == Written { token: second, value: 200 }, "a holder wrote after it lost its lease");
    });
}

#[test]
fn a_holder_that_lost_its_lease_writes_nothing_any_more() {
    zombie(Lease::new, Lease::acquire, Lease::write, Lease::written);
    let said =
        complaint(|| zombie(TakesItsWord::new, TakesItsWord::acquire, TakesItsWord::write, TakesItsWord::written));
    assert_eq!(said, "a holder wrote after it lost its lease");
}

#[test]
fn a_panic_while_a_claim_is_held_gives_it_up_and_loses_no_other() {
    // By std: loom's locks are never poisoned.
    let table = StdTable::new();
    assert!(table.claim(1));
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        let _held = table.hold(7).expect("it is free");
        panic!("in the middle of it");
    }));
    assert!(panicked.is_err());
    assert!(!table.claim(1) && table.claim(7) && !table.claim(7));
    let held = table.hold(8).expect("it is free");
    held.keep();
    assert!(!table.claim(8));
}

#[test]
fn a_claim_is_checked_with_two_to_four_threads() {
    for threads in [0, 1, 5] {
        let said = complaint(|| {
            check_claim(threads, Table::<u64>::new, Table::claim, |table, id| table.give_up(&id));
        });
        assert_eq!(said, format!("a claim is checked with 2 to 4 threads, not {threads}"));
    }
}
