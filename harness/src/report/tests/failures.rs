//! Whole screens of what is wrong otherwise: a message that is never handled, two that disturb each other, the unexplained.

use std::time::Duration;

use super::{
    assert_reads,
    made::{Made, at, name, wrong},
};
use crate::{
    Anomaly,
    history::Fault,
    machine::trace::{End, Origin},
    oracle::Explanation,
};

#[test]
fn a_message_that_is_never_handled() {
    let mut made = Made::new(1);
    made.deliver(name(0, 1), 0, Origin::First);
    made.step(name(0, 1), "put claim:m0 taken", "ok").writes("claim:m0");
    made.crash(at(0, 1, 2), &[]);
    for number in 2..=13 {
        made.later(Duration::from_secs(1 << (number - 2))).deliver(name(0, number), 0, Origin::Redelivery);
        made.step(name(0, number), "get claim:m0", "taken").reads("claim:m0").retries(name(0, number), "in flight");
    }
    made.replay.end = End::Stuck(vec![0]);
    let stuck = wrong(Anomaly::Stuck, 0, (0, 0), &[0], None);
    assert_reads(
        &made.screen(&stuck),
        r"
credit_is_idempotent: m0 is never handled                           [1 fault; no history with fewer fails]

  messages  m0 100

  p0  m0#1  put claim:m0 taken                                 ok
      ── p0 crashes and restarts ──
      ── 1 s later, m0 is delivered again ──
  p0  m0#2  get claim:m0                                       taken
  p0  m0#2  retry: in flight
      ── m0 is delivered again 11 more times, the last 34 min 8 s later, and each goes as m0#2 ──

  why       m0 was delivered 13 times, and the last 12 answered retry: in flight
  needed    the crash; without it the history passes
  searched  7 histories: every one with no fault, then with 1
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
}

#[test]
fn deliveries_that_go_otherwise_and_as_few_as_can_be_read_are_told_one_by_one() {
    let told = |answers: &[&str]| {
        let mut made = Made::new(1);
        made.deliver(name(0, 1), 0, Origin::First);
        made.crash(at(0, 1, 1), &[]);
        for (again, answer) in answers.iter().enumerate() {
            let number = again as u32 + 2;
            made.later(Duration::from_secs(1)).deliver(name(0, number), 0, Origin::Redelivery);
            made.step(name(0, number), "get claim:m0", answer).reads("claim:m0").retries(name(0, number), "in flight");
        }
        made.replay.end = End::Stuck(vec![0]);
        let screen = made.screen(&wrong(Anomaly::Stuck, 0, (0, 0), &[0], None));
        screen.lines().filter(|line| line.contains("m0 is delivered again")).map(str::trim).map(str::to_owned).collect()
    };
    let each = "── 1 s later, m0 is delivered again ──".to_owned();
    let three: Vec<String> = told(&["taken"; 3]);
    assert_eq!(three, vec![each.clone(); 3], "three are as soon read");
    let more = "── m0 is delivered again 3 more times, the last 1 s later, and each goes as m0#2 ──";
    assert_eq!(told(&["taken"; 4]), [&each, more]);
    let two_then_five = ["taken", "taken", "mine", "mine", "mine", "mine", "mine"];
    let more = "── m0 is delivered again 4 more times, the last 1 s later, and each goes as m0#4 ──";
    assert_eq!(told(&two_then_five), [&each, &each, &each, more]);
}

#[test]
fn two_messages_that_disturb_each_other() {
    let mut made = Made::new(2);
    let (one, other) = (name(0, 1), name(1, 1));
    made.deliver(one, 0, Origin::First);
    made.step(one, "SELECT balance FROM account", "0").reads("account");
    made.fault(Fault::Pause { at: one.operation(2), until: None }).deliver(other, 0, Origin::First);
    made.step(other, "SELECT balance FROM account", "0").reads("account");
    made.step(other, "UPDATE account SET balance = 300", "1 row").writes("account").seen();
    made.done(other);
    made.step(one, "UPDATE account SET balance = 100", "1 row").writes("account").seen();
    made.done(one);
    made.proven = false;
    let mixed = Explanation { message: None, ..wrong(Anomaly::NotIsolated, 0, (400, 100), &[0, 1], None) };
    assert_reads(
        &made.screen(&mixed),
        r"
credit_is_idempotent: m0 and m1 disturb each other with no fault of delivery                     [1 fault]

  messages  m0 100; m1 300
  expected  balance 400        m0, then m1, each delivered once
  observed  balance 100        as no order of them leaves it

  p0  m0#1  SELECT balance FROM account                        0
      ── m0#1 stops here while others run ──
  p0  m1#1  SELECT balance FROM account                        0
  p0  m1#1  UPDATE account SET balance = 300                   1 row
  p0  m1#1  done, acked
      ── m0#1 goes on ──
  p0  m0#1  UPDATE account SET balance = 100                   1 row
  p0  m0#1  done, acked

  why       m0#1.1 read account before m1#1.2 wrote it, and m0#1.2 wrote it afterwards
  needed    the pause; without it the history passes
  searched  7 histories: every one with no fault, then with 1
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
}

#[test]
fn what_nothing_explains_and_a_mismatch_have_titles_and_no_reason() {
    let mut made = Made::new(1);
    made.deliver(name(0, 1), 0, Origin::First).step(name(0, 1), "get a", "none").done(name(0, 1));
    made.needed = Vec::new();
    made.unused(Fault::Crash { at: at(0, 1, 9) }, "nothing reached the place that it names");
    made.searched.histories = Vec::new();
    let unexplained = Explanation { expected: None, ..wrong(Anomaly::Unexplained, 0, (0, -1), &[0], None) };
    assert_reads(
        &made.screen(&unexplained),
        r"
credit_is_idempotent: what is seen is not what any right run leaves
  [1 fault; no history with fewer fails]

  messages  m0 100
  observed  balance -1

  p0  m0#1  get a                                              none
  p0  m0#1  done, acked

  unused    crash m0#1.9: nothing reached the place that it names
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
    let mismatch = made.screen(&wrong(Anomaly::Mismatch, 0, (0, 1), &[0], None));
    let title = "credit_is_idempotent: m0 was not refused, though its id had come with another payload\n  [1 fault";
    assert!(mismatch.starts_with(title), "{mismatch}");
    assert!(!mismatch.contains("\n  why "), "{mismatch}");
}
