//! Random histories through the public face: what they find beyond two faults, what is said of them, and that a check that
//! asks for a kind of fault gets it.

use std::thread;

use redeliver::{Delivery, Error, Harness, KeyValue, Searched, Verdict};

fn bank() -> Harness<KeyValue> {
    Harness::new(KeyValue::new("bank").observe_prefix("balance")).named("credit")
}

/// Right but for the fourth delivery of a message, which takes three faults.
async fn fourth_time(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    let times = tx.add(&format!("times:{}", m.id()), 1).await?;
    if times == 1 || times == 4 {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

async fn once(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

#[track_caller]
fn held(verdict: &Verdict) -> &Searched {
    let Verdict::Holds(searched) = verdict else { panic!("{}", verdict.report("credit")) };
    searched
}

#[test]
fn what_takes_three_faults_is_found_at_random_shrunk_and_replayed_by_its_line() {
    assert_eq!(held(&bank().cases(0).verdict(1..1000i64, fourth_time)).random, 0);
    let Verdict::Violated(found) = bank().verdict(1..1000i64, fourth_time) else { panic!("it has a bug") };
    assert_eq!((found.history().faults.len(), found.history().messages.len()), (3, 1), "{found}");
    let report = found.to_string();
    assert!(report.lines().next().unwrap().ends_with("[3 faults]"), "nobody searched all with two: {report}");
    let searched = report.lines().find(|line| line.trim_start().starts_with("searched")).unwrap();
    assert!(searched.contains("every history with up to 2 faults ("), "{searched}");
    assert!(report.contains(" with up to 8 (seed 0)"), "{report}");
    let again = bank().replay(found.history(), 1..1000i64, fourth_time);
    assert_eq!(again.anomaly(), Some(found.anomaly()));
}

#[test]
fn a_seed_reports_the_same_bytes_on_one_thread_and_on_many() {
    let reports = |seed| {
        let report = move || {
            let wrong = bank().seed(seed).verdict(1..1000i64, fourth_time).report("credit");
            wrong + &bank().seed(seed).verdict(1..1000i64, once).report("credit")
        };
        let here = report();
        let there: Vec<String> = thread::scope(|scope| {
            let running: Vec<_> = (0..3).map(|_| scope.spawn(report)).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(there.iter().all(|one| *one == here));
        here
    };
    let report = reports(11);
    assert!(report.contains("; then 256 random ones with up to 8 (seed 11)"), "{report}");
    assert_ne!(report, reports(12));
}

#[test]
fn random_histories_count_and_so_do_their_faults() {
    let few = bank().cases(0).verdict(1..1000i64, once);
    let many = bank().cases(1_000).verdict(1..1000i64, once);
    let (few, many) = (held(&few), held(&many));
    assert_eq!((many.random, many.random_faults, many.total()), (1_000, 8, few.total() + 1_000));
    assert_eq!(many.histories, few.histories);
    for (fault, times) in &many.acted {
        let before = few.acted.iter().find(|(word, _)| word == fault).map_or(0, |(_, times)| *times);
        assert!(*times > before + 50, "{fault}: {times} with those that acted {before} times");
    }
    let plain = bank().faults(0).verdict(1..1000i64, once);
    assert_eq!((held(&plain).random, held(&plain).acted.len()), (0, 0), "nobody asked for faults");
}

#[test]
fn a_check_that_asks_for_a_fault_does_not_hold_without_it() {
    let why = |faults: &[&str]| {
        let asking = faults.iter().fold(bank(), |harness, fault| harness.must_act(fault));
        match asking.cases(16).verdict(1..1000i64, once) {
            Verdict::Holds(_) => None,
            Verdict::Inconclusive(why) => Some(why.reason),
            Verdict::Violated(found) => panic!("{found}"),
        }
    };
    assert_eq!(why(&["overlap", "lose-ack"]), None);
    let never = "the check asks that these act, and they never did, since nothing gave them a place: advance";
    assert_eq!(why(&["overlap", "advance"]).as_deref(), Some(never));
    for no_fault in ["overlaps", "or", "", ","] {
        let why = why(&[no_fault]).unwrap();
        assert!(why.starts_with(&format!("`{no_fault}` was to act, and there is no such fault: there are ")), "{why}");
    }
}

#[test]
fn a_fault_that_was_asked_for_is_no_excuse_for_a_violation() {
    let verdict = bank().must_act("advance").verdict(1..1000i64, fourth_time);
    assert!(matches!(verdict, Verdict::Violated(_)));
}
