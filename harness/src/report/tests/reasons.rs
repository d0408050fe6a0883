//! The line that says why, for what else leads to an anomaly.

use super::made::{APPLY, MARK, Made, balance, name, twice, wrong};
use crate::{
    Anomaly,
    history::Fault,
    machine::trace::{End, Event, Injected, Origin},
    oracle::{AsIf, Explanation},
};

/// The line that says why.
fn why(screen: &str) -> Option<&str> {
    screen.lines().find_map(|line| line.strip_prefix("  why       "))
}

#[test]
fn reasons_for_taking_effect_twice() {
    let (one, two) = (name(0, 1), name(0, 2));
    let begin = || {
        let mut made = Made::new(1);
        made.deliver(one, 0, Origin::First);
        made.applies(one);
        made
    };
    let finish = |mut made: Made| {
        made.deliver(two, 0, Origin::Redelivery);
        made.applies(two);
        made.done(two);
        why(&made.screen(&twice())).expect("there is a reason").to_owned()
    };

    let mut made = begin();
    made.ack_lost(one);
    assert_eq!(finish(made), "m0#1.1 changed account, the ack of m0#1 was lost, and m0#2.1 changed it again");

    let mut made = begin();
    made.crash(one.ack(), &[]);
    assert_eq!(finish(made), "m0#1.1 changed account, p0 crashed before m0#1 was acked, and m0#2.1 changed it again");

    let mut made = begin();
    made.broken(one, "INSERT INTO log VALUES (1)", "disk I/O error", Injected::Fail).retries(one, "disk I/O error");
    assert_eq!(finish(made), "m0#1.1 changed account, m0#1.2 failed, and m0#2.1 changed it again");

    let mut made = begin();
    made.step(one, "BEGIN IMMEDIATE", "database is locked").gave_up().retries(one, "database is locked");
    assert_eq!(finish(made), "m0#1.1 changed account, m0#1.2 gave up waiting for a lock, and m0#2.1 changed it again");

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First).broken(one, APPLY, "disk I/O error", Injected::LoseReply);
    made.writes("account").seen().retries(one, "disk I/O error");
    assert_eq!(finish(made), "m0#1.1 changed account, its reply was lost, and m0#2.1 changed it again");

    let mut made = begin();
    made.fault(Fault::Duplicate { message: 0, at: None }).done(one).deliver(two, 0, Origin::Copy);
    made.applies(two);
    made.done(two);
    let copy = "m0#1.1 changed account, a second copy came as m0#2, and m0#2.1 changed it again";
    assert_eq!(why(&made.screen(&twice())), Some(copy));

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First).broken(one, "COMMIT", "disk I/O error", Injected::LoseReply).seen();
    made.step(one, "COMMIT", "ok").seen().done(one);
    let rerun = "m0#1.1 took effect though its reply was lost, and m0#1.2 took effect again";
    assert_eq!(why(&made.screen(&twice())), Some(rerun));
}

#[test]
fn a_mark_counts_from_its_commit() {
    let mut made = Made::new(1);
    let (one, two) = (name(0, 1), name(0, 2));
    made.deliver(one, 0, Origin::First);
    made.checks(one, "0");
    made.overlap(one.operation(2), two);
    for delivery in [two, one] {
        made.step(delivery, "BEGIN", "ok").step(delivery, MARK, "1 row").writes("seen");
        let Some(Event::Step { facts, .. }) = made.replay.events.last_mut() else { unreachable!() };
        facts.changes = false;
        made.step(delivery, "COMMIT", "ok").writes("account").seen().done(delivery);
    }
    let commit = "m0#1.1 read seen before m0#2.2 wrote it; both m0#2.3 and m0#1.4 took effect after that";
    assert_eq!(why(&made.screen(&twice())), Some(commit));
}

#[test]
fn reasons_for_a_loss() {
    let lost = wrong(Anomaly::Lost, 0, (100, 0), &[0], Some(AsIf::Without(0)));
    let (one, two) = (name(0, 1), name(0, 2));

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First).broken(one, APPLY, "disk I/O error", Injected::Fail).done(one);
    assert_eq!(why(&made.screen(&lost)), Some("m0#1.1 failed, and m0#1 said done all the same"));

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First);
    made.marks(one);
    made.overlap(one.operation(2), two);
    made.checks(two, "1");
    made.done(two).crash(one.operation(2), &[]);
    let found = "m0#1.1 wrote seen, m0#2.1 found seen already written, and p0 crashed before m0 took effect";
    assert_eq!(why(&made.screen(&lost)), Some(found));

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First);
    made.checks(one, "1");
    made.done(one);
    assert_eq!(why(&made.screen(&lost)), None);
    let observed = made.screen(&Explanation { observed: balance(0), ..lost });
    assert!(observed.contains("observed  balance 0          as if m0 had never been delivered\n"), "{observed}");
}

#[test]
fn reasons_for_being_stuck() {
    let stuck = wrong(Anomaly::Stuck, 0, (0, 0), &[0], None);
    let answered = |answers: &[&str]| {
        let mut made = Made::new(1);
        for (at, answer) in answers.iter().enumerate() {
            let delivery = name(0, at as u32 + 1);
            made.deliver(delivery, 0, Origin::Redelivery).retries(delivery, answer);
        }
        made.replay.end = End::Stuck(vec![0]);
        why(&made.screen(&stuck)).expect("there is a reason").to_owned()
    };
    assert_eq!(answered(&[]), "m0 was never delivered");
    assert_eq!(answered(&["no"]), "m0 was delivered once, and answered retry: no");
    assert_eq!(answered(&["no", "no"]), "m0 was delivered 2 times, and each time answered retry: no");
    assert_eq!(answered(&["yes", "no"]), "m0 was delivered 2 times, and at last answered retry: no");
    assert_eq!(answered(&["yes", "no", "no"]), "m0 was delivered 3 times, and the last 2 answered retry: no");
}
