//! Law 3, no false alarm: correct strategies hold in every history that is searched, under every model that they claim.

use redeliver::{Contract, DeliveryModel, History, Verdict};
use redeliver_strategies::{Entry, Options, StoreKind, all, check, registry::ANY_MODEL};

fn correct() -> impl Iterator<Item = &'static Entry> {
    all().iter().copied().filter(|entry| entry.twin_of.is_none())
}

/// One fault of each kind, but for `advance`, which acts only where a clock is read.
const FAULTS: [&str; 8] = [
    "crash m0#1.1",
    "defer m0 past m1",
    "duplicate m0",
    "fail m0#1.1",
    "lose-ack m0#1",
    "lose-reply m0#1.1",
    "overlap m0#1.1",
    "pause m0#1.1",
];

/// The kinds of faults that a model admits.
fn admitted(model: DeliveryModel) -> Vec<&'static str> {
    let of_two = format!("redeliver-history 1\nmodel {}\nmessage m0 1\nmessage m1 3\n", model.name());
    let is_admitted = |fault: &&str| format!("{of_two}{fault}\n").parse::<History>().is_ok();
    FAULTS.into_iter().filter(is_admitted).filter_map(|fault| fault.split(' ').next()).collect()
}

/// Under each model that they claim.
fn hold_under_all(options: &Options) {
    for model in ANY_MODEL {
        hold(&Options { model: *model, ..options.clone() });
    }
}

/// Whether there is a place for this kind of fault.
fn must_act(word: &str, entry: &Entry, options: &Options) -> bool {
    match word {
        // Whose messages are all of one partition puts none of them off.
        "defer" if entry.name == "dead-letter" => {
            ![DeliveryModel::kafka(), DeliveryModel::kafka_blocking()].contains(&options.model)
        }
        "defer" => options.messages > 1,
        // One message in one process: nobody else could run meanwhile.
        "pause" => options.messages > 1 || options.model != DeliveryModel::at_most_once(),
        // Whoever acknowledges by itself loses the reply of that.
        "lose-ack" => entry.name != "ack-after-effect",
        _ => true,
    }
}

fn hold(options: &Options) {
    let mut held = 0;
    // Of another payload under its id one message alone says nothing.
    let of_two = Contract::strict().payload_mismatch_refused();
    let claims = |entry: &&Entry| {
        let stands = entry.models.contains(&options.model) && entry.on(options.store).is_some();
        stands && (options.messages > 1 || (entry.contract)() != of_two)
    };
    for entry in correct().filter(claims) {
        let options = &Options { faults: options.faults.min(entry.faults), ..options.clone() };
        let verdict = check(entry, options);
        let Verdict::Holds(searched) = &verdict else { panic!("{}", verdict.report(entry.name)) };
        assert_eq!(searched.faults, options.faults, "{}", entry.name);
        assert_eq!(searched.unseen, [""; 0], "{}: everything that is lost can be seen", entry.name);
        if options.faults > 0 {
            let acted: Vec<&str> =
                searched.acted.iter().filter(|(_, times)| *times > 0).map(|(word, _)| *word).collect();
            for word in admitted(options.model).into_iter().filter(|word| must_act(word, entry, options)) {
                assert!(acted.contains(&word), "{}: {word}", entry.name);
            }
        }
        held += 1;
    }
    // Nobody needs weaker transactions but to show that it does without stronger ones.
    let least = if options.store == StoreKind::KeyValueAtSnapshot { 1 } else { 3 };
    assert!(held >= least, "only {held} correct strategies are registered");
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
    hold_under_all(&Options { processes: 3, messages: 3, faults: 1, ..Options::default() });
}

#[test]
fn correct_strategies_hold_on_the_key_value_store() {
    for (messages, processes, faults) in [(1, 1, 2), (2, 2, 2), (3, 3, 1)] {
        for store in [StoreKind::KeyValue, StoreKind::KeyValueAtSnapshot] {
            hold_under_all(&Options { store, messages, processes, faults, ..Options::default() });
        }
    }
}

#[test]
fn correct_strategies_hold_with_no_fault_and_four_messages() {
    for store in StoreKind::ALL {
        hold(&Options { store, messages: 4, faults: 0, ..Options::default() });
    }
}
