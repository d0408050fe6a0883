//! Law 3, no false alarm: correct strategies hold in every history that is searched.

use redeliver::Verdict;
use redeliver_strategies::{Entry, Options, StoreKind, all, check};

fn correct() -> impl Iterator<Item = &'static Entry> {
    all().iter().copied().filter(|entry| entry.twin_of.is_none())
}

fn hold(options: &Options) {
    let mut held = 0;
    for entry in correct() {
        let verdict = check(entry, options);
        let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report(entry.name)) };
        assert_eq!(searched.faults, options.faults, "{}", entry.name);
        assert_eq!(searched.unseen, [""; 0], "{}: everything that is lost can be seen", entry.name);
        if options.faults > 0 {
            let acted: Vec<&str> =
                searched.acted.iter().filter(|(_, times)| *times > 0).map(|(word, _)| *word).collect();
            for word in ["crash", "duplicate", "fail", "lose-ack", "lose-reply", "overlap", "pause"] {
                assert!(acted.contains(&word), "{}: {word} never acted", entry.name);
            }
        }
        held += 1;
    }
    assert!(held >= 3, "only {held} correct strategies are registered");
}

#[test]
fn correct_strategies_hold_on_sqlite_with_two_faults() {
    hold(&Options::default());
}

#[test]
fn correct_strategies_hold_on_sqlite_in_one_process() {
    hold(&Options { processes: 1, messages: 2, faults: 1, ..Options::default() });
}

#[test]
fn correct_strategies_hold_on_sqlite_with_three_messages() {
    hold(&Options { processes: 3, messages: 3, faults: 1, ..Options::default() });
}

#[test]
fn correct_strategies_hold_on_the_key_value_store() {
    for (messages, processes) in [(1, 1), (2, 2), (3, 3)] {
        hold(&Options { store: StoreKind::KeyValue, messages, processes, ..Options::default() });
    }
}

#[test]
fn correct_strategies_hold_with_no_fault_and_four_messages() {
    for store in StoreKind::ALL {
        hold(&Options { store, messages: 4, faults: 0, ..Options::default() });
    }
}
