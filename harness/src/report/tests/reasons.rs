//! The line that says why, for what else leads to an anomaly.

use super::{
    assert_reads,
    made::{APPLY, MARK, Made, balance, name, twice, wrong},
};
use crate::{
    Anomaly, Searched,
    history::Fault,
    machine::trace::{End, Injected, Origin},
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
        made.deliver(one, 0, Origin::First).applies(one);
        made
    };
    let finish = |mut made: Made| {
        made.deliver(two, 0, Origin::Redelivery).applies(two).done(two);
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
    made.applies(two).done(two);
    let copy = "m0#1.1 changed account, a second copy came as m0#2, and m0#2.1 changed it again";
    assert_eq!(why(&made.screen(&twice())), Some(copy));

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First).overlap(one.operation(1), two).applies(two).done(two).applies(one).done(one);
    let late = "m0#2.1 changed account, m0#1 was still being handled, and m0#1.1 changed it again";
    assert_eq!(why(&made.screen(&twice())), Some(late));

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First).broken(one, "COMMIT", "disk I/O error", Injected::LoseReply).seen();
    made.step(one, "COMMIT", "ok").seen().done(one);
    let rerun = "m0#1.1 took effect though its reply was lost, and m0#1.2 took effect again";
    assert_eq!(why(&made.screen(&twice())), Some(rerun));
}

#[test]
fn more_than_one_wrong_is_told_together() {
    let told = |as_if| {
        let mut made = Made::new(2);
        made.searched = Searched { before: 1, ..Searched::default() };
        let screen = made.screen(&wrong(Anomaly::Twice, 0, (100, 200), &[0, 1], Some(as_if)));
        screen
            .lines()
            .filter(|line| line.starts_with("credit") || line.starts_with("  observed"))
            .collect::<Vec<_>>()
            .join("\n")
            + "\n"
    };
    let thrice = AsIf::Several(vec![AsIf::OneMoreLike(0), AsIf::OneMoreLike(0)]);
    assert_reads(
        &told(thrice),
        r"
credit_is_idempotent: m0 took effect 3 times                                                    [no fault]
  observed  balance 200        as if 2 more like m0 had been delivered too
",
    );
    let both = AsIf::Several(vec![AsIf::OneMoreLike(0), AsIf::Without(1)]);
    assert_reads(
        &told(both),
        r"
credit_is_idempotent: m0 took effect twice                                                      [no fault]
  observed  as if a second message like m0 had been delivered too and m1 had never been delivered
",
    );
}

#[test]
fn a_mark_counts_from_its_commit() {
    let mut made = Made::new(1);
    let (one, two) = (name(0, 1), name(0, 2));
    made.deliver(one, 0, Origin::First);
    made.checks(one, "0");
    made.overlap(one.operation(2), two);
    for delivery in [two, one] {
        made.step(delivery, "BEGIN", "").step(delivery, MARK, "1 row").pending("seen");
        made.step(delivery, APPLY, "1 row").pending("account").commits(delivery).done(delivery);
    }
    let commit = "m0#1.1 read seen before m0#2.2 wrote it; both m0#2.4 and m0#1.5 took effect after that";
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
    made.deliver(one, 0, Origin::First).marks(one).overlap(one.operation(2), two);
    made.checks(two, "1").done(two).crash(one.operation(2), &[]);
    let found = "m0#1.1 wrote seen, m0#2.1 found seen already written, and p0 crashed before m0 took effect";
    assert_eq!(why(&made.screen(&lost)), Some(found));

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First).broken(one, MARK, "disk I/O error", Injected::LoseReply).writes("seen");
    made.retries(one, "disk I/O error").deliver(two, 0, Origin::Redelivery).checks(two, "1").done(two);
    let replied = "m0#1.1 wrote seen, its reply was lost, and m0#2.1 found seen already written";
    assert_eq!(why(&made.screen(&lost)), Some(replied));

    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First).checks(one, "1").done(one);
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
