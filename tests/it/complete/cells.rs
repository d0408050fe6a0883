//! The reference cells: an ideal complete search runs each inequivalent execution once, and how many there are can be said
//! beforehand.

use redeliver::{Isolation, Prepared};

use super::handlers::{apply_mark, apply_mark_shared, atomic, bounds, mark_apply, on_key_value};

/// Messages and processes.
const CELLS: [(usize, usize); 4] = [(1, 2), (2, 2), (2, 3), (3, 3)];

/// A handler, in how many crashes, and how many executions there are of so many messages.
type Row = (&'static str, fn() -> Prepared, usize, fn(u64) -> u64);

fn two_to_the(messages: u64) -> u64 {
    2_u64.pow(messages as u32)
}

fn six_to_the(messages: u64) -> u64 {
    6_u64.pow(messages as u32)
}

const ROWS: [Row; 7] = [
    ("toctou", || on_key_value(Isolation::Serializable, apply_mark), 0, six_to_the),
    ("claim", || on_key_value(Isolation::Serializable, mark_apply), 0, two_to_the),
    ("atomic", || on_key_value(Isolation::Serializable, atomic), 0, two_to_the),
    ("atomic-ack", || on_key_value(Isolation::Serializable, atomic), 1, |m| two_to_the(m) * (1 + 3 * m)),
    ("mark-apply", || on_key_value(Isolation::Serializable, mark_apply), 1, |m| two_to_the(m) * (1 + 5 * m)),
    ("apply-mark", || on_key_value(Isolation::Serializable, apply_mark), 1, |m| six_to_the(m - 1) * (6 + 46 * m)),
    ("toctou at Snapshot", || on_key_value(Isolation::Snapshot, apply_mark), 0, six_to_the),
];

#[test]
fn every_reference_cell_comes_to_its_closed_form() {
    for (name, prepared, crashes, closed_form) in ROWS {
        for (messages, processes) in CELLS {
            let explored =
                prepared().explored(bounds(messages, processes, crashes), true, 0).expect("it has no errors");
            let told = format!("{name} {messages},{processes}");
            assert_eq!(explored.inconclusive, None, "{told}");
            assert_eq!(explored.executions, closed_form(messages as u64), "{told}");
            assert!(explored.cut * 100 <= explored.executions * 35, "{told}: {} cut short", explored.cut);
        }
    }
}

#[test]
fn where_all_messages_share_a_row_there_are_as_many_as_were_counted() {
    for ((messages, processes), executions) in CELLS.into_iter().zip([6, 42, 75, 964]) {
        let mut shared = on_key_value(Isolation::Serializable, apply_mark_shared);
        let explored = shared.explored(bounds(messages, processes, 0), true, 0).expect("it has no errors");
        assert_eq!(explored.executions, executions, "{messages},{processes}");
        assert!(explored.cut * 100 <= executions * 35, "{messages},{processes}: {} cut short", explored.cut);
    }
}

#[test]
fn plain_enumeration_goes_through_as_many_schedules_as_there_are() {
    let all = |crashes| {
        let mut atomic = on_key_value(Isolation::Serializable, atomic);
        atomic.explored(bounds(2, 2, crashes), false, 0).expect("it has no errors").executions
    };
    // Two processes of four steps; and in each of their two deliveries a crash before the acknowledgement.
    assert_eq!((all(0), all(1)), (70, 70 + 4 * 210));
}
