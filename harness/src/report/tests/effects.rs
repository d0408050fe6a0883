//! Whole screens of what became of a message's effect: twice, lost, too late, in part.

use std::time::Duration;

use super::{
    assert_reads,
    made::{APPLY, MARK, Made, name, twice, wrong},
};
use crate::{
    Anomaly,
    history::{Deferred, Fault},
    machine::trace::{Answer, Injected, Origin, Settlement},
    oracle::{AsIf, Explanation},
    store::Observation,
};

#[test]
fn the_screen_of_the_design_comes_out_as_it_stands_there() {
    let mut made = Made::new(1);
    let (one, two, three) = (name(0, 1), name(0, 2), name(0, 3));
    made.deliver(one, 0, Origin::First);
    made.checks(one, "0");
    made.overlap(one.operation(2), two);
    made.checks(two, "0");
    made.applies(two);
    made.marks(two);
    made.done(two);
    made.applies(one);
    made.step(one, MARK, "UNIQUE constraint failed: seen.id");
    // What follows changes nothing and is left out.
    made.retries(one, "UNIQUE constraint failed: seen.id").later(Duration::from_secs(1));
    made.deliver(three, 0, Origin::Redelivery);
    made.checks(three, "1");
    made.done(three);
    assert_reads(
        &made.screen(&twice()),
        r"
credit_is_idempotent: m0 took effect twice                          [1 fault; no history with fewer fails]

  expected  balance 100        m0 delivered once
  observed  balance 200        as if m0 and a second message like it had been delivered

  p0  m0#1  SELECT count(*) FROM seen WHERE id = 'm0'          0
      ── m0 is delivered again while m0#1 is being handled ──
  p1  m0#2  SELECT count(*) FROM seen WHERE id = 'm0'          0
  p1  m0#2  UPDATE account SET balance = balance + 100         1 row
  p1  m0#2  INSERT INTO seen VALUES ('m0')                     1 row
  p1  m0#2  done, acked
  p0  m0#1  UPDATE account SET balance = balance + 100         1 row
  p0  m0#1  INSERT INTO seen VALUES ('m0')                     UNIQUE constraint failed: seen.id

  why       m0#1.1 read seen before m0#2.3 wrote it; between them m0 took effect
  needed    the overlap; without it the history passes
  searched  7 histories: every one with no fault, then with 1
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
}

#[test]
fn a_crash_between_effect_and_mark() {
    let mut made = Made::new(1);
    let (one, two) = (name(0, 1), name(0, 2));
    made.deliver(one, 0, Origin::First);
    made.checks(one, "0");
    made.applies(one);
    made.crash(one.operation(3), &[]).later(Duration::from_secs(1)).deliver(two, 0, Origin::Redelivery);
    made.checks(two, "0");
    made.applies(two);
    made.marks(two);
    made.done(two);
    made.searched.histories = vec![4, 1203];
    assert_reads(
        &made.screen(&twice()),
        r"
credit_is_idempotent: m0 took effect twice                          [1 fault; no history with fewer fails]

  expected  balance 100        m0 delivered once
  observed  balance 200        as if m0 and a second message like it had been delivered

  p0  m0#1  SELECT count(*) FROM seen WHERE id = 'm0'          0
  p0  m0#1  UPDATE account SET balance = balance + 100         1 row
      ── p0 crashes and restarts ──
      ── 1 s later, m0 is delivered again ──
  p0  m0#2  SELECT count(*) FROM seen WHERE id = 'm0'          0
  p0  m0#2  UPDATE account SET balance = balance + 100         1 row
  p0  m0#2  INSERT INTO seen VALUES ('m0')                     1 row
  p0  m0#2  done, acked

  why       m0#1.2 changed account and p0 crashed before m0#1.3 wrote seen
  needed    the crash; without it the history passes
  searched  1,207 histories: every one with no fault, then with 1
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
}

#[test]
fn a_mark_without_its_effect() {
    let mut made = Made::new(1);
    let (one, two) = (name(0, 1), name(0, 2));
    made.deliver(one, 0, Origin::First);
    made.marks(one);
    made.crash(one.operation(2), &[]).later(Duration::from_secs(1)).deliver(two, 0, Origin::Redelivery);
    made.checks(two, "1");
    made.done(two);
    assert_reads(
        &made.screen(&wrong(Anomaly::Lost, 0, (100, 0), &[0], Some(AsIf::Without(0)))),
        r"
credit_is_idempotent: m0 was lost                                   [1 fault; no history with fewer fails]

  messages  m0 100
  expected  balance 100        m0 delivered once
  observed  balance 0          as if m0 had never been delivered

  p0  m0#1  INSERT INTO seen VALUES ('m0')                     1 row
      ── p0 crashes and restarts ──
      ── 1 s later, m0 is delivered again ──
  p0  m0#2  SELECT count(*) FROM seen WHERE id = 'm0'          1
  p0  m0#2  done, acked

  why       m0#1.1 wrote seen, p0 crashed before m0 took effect, and m0#2.1 found seen already written
  needed    the crash; without it the history passes
  searched  7 histories: every one with no fault, then with 1
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
}

/// The first message sets one value, the second another, and the first comes again.
fn late_duplicate() -> Made {
    let mut made = Made::new(2);
    let (one, other, late) = (name(0, 1), name(1, 1), name(0, 2));
    made.deliver(one, 0, Origin::First);
    made.step(one, "UPDATE account SET balance = 100", "1 row").writes("account").seen();
    made.ack_lost(one).deliver(other, 0, Origin::First);
    made.step(other, "UPDATE account SET balance = 300", "1 row").writes("account").seen();
    made.done(other).later(Duration::from_secs(1)).deliver(late, 0, Origin::Redelivery);
    made.step(late, "UPDATE account SET balance = 100", "1 row").writes("account").seen();
    made.done(late);
    made
}

#[test]
fn an_older_message_overwrites_a_newer_one() {
    let made = late_duplicate();
    let overwrote = wrong(Anomaly::Overwrote, 0, (300, 100), &[0, 1], Some(AsIf::Order(vec![1, 0])));
    assert_reads(
        &made.screen(&overwrote),
        r"
credit_is_idempotent: m0 overwrote m1                               [1 fault; no history with fewer fails]

  messages  m0 100; m1 300
  expected  balance 300        m0, then m1, each delivered once
  observed  balance 100        as if the order had been m1, then m0

  p0  m0#1  UPDATE account SET balance = 100                   1 row
  p0  m0#1  done
      ── the ack of m0#1 is lost ──
  p0  m1#1  UPDATE account SET balance = 300                   1 row
  p0  m1#1  done, acked
      ── 1 s later, m0 is delivered again ──
  p0  m0#2  UPDATE account SET balance = 100                   1 row
  p0  m0#2  done, acked

  why       m0#2.1 wrote account after m1#1.1 had, though m0 was handled before m1 was delivered
  needed    the lost ack; without it the history passes
  searched  7 histories: every one with no fault, then with 1
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
}

#[test]
fn an_order_that_only_the_contract_forbids() {
    let mut made = Made::new(2);
    let (one, other) = (name(0, 1), name(1, 1));
    made.fault(Fault::Defer { what: Deferred::Message(0), past: 1 }).deliver(other, 0, Origin::First);
    made.step(other, "UPDATE account SET balance = 300", "1 row").writes("account").seen();
    made.done(other).deliver(one, 0, Origin::First);
    made.step(one, "UPDATE account SET balance = 100", "1 row").writes("account").seen();
    made.done(one);
    let overwrote = wrong(Anomaly::Overwrote, 0, (300, 100), &[0, 1], Some(AsIf::Order(vec![1, 0])));
    assert_reads(
        &made.screen(&overwrote),
        r"
credit_is_idempotent: m0 overwrote m1                               [1 fault; no history with fewer fails]

  messages  m0 100; m1 300
  expected  balance 300        m0, then m1, each delivered once
  observed  balance 100        as if the order had been m1, then m0

      ── m0 is held back until m1 has been handled ──
  p0  m1#1  UPDATE account SET balance = 300                   1 row
  p0  m1#1  done, acked
  p0  m0#1  UPDATE account SET balance = 100                   1 row
  p0  m0#1  done, acked

  why       m0#1.1 wrote account after m1#1.1 had, though m0 was published before m1
  needed    the delay; without it the history passes
  searched  7 histories: every one with no fault, then with 1
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
}

#[test]
fn a_part_of_a_message() {
    let mut made = Made::new(2);
    let (one, other) = (name(0, 1), name(1, 1));
    made.deliver(one, 0, Origin::First);
    made.step(one, "INSERT INTO journal VALUES ('m0', 100)", "1 row").writes("journal").seen();
    made.broken(one, APPLY, "disk I/O error", Injected::Fail);
    made.returns(one, Answer::Reject("disk I/O error".to_owned())).settles(one, Settlement::DeadLettered);
    made.deliver(other, 0, Origin::First);
    made.step(other, "INSERT INTO journal VALUES ('m1', 300)", "1 row").writes("journal").seen();
    made.step(other, "UPDATE account SET balance = balance + 300", "1 row").writes("account").seen();
    made.done(other);
    let seen = |balance: i64, rows: &[(&str, i64)]| {
        let mut seen = Observation::default();
        seen.rows("balances", vec!["balance".to_owned()], vec![vec![balance.to_string()]], false);
        let rows = rows.iter().map(|(id, amount)| vec![(*id).to_owned(), amount.to_string()]).collect();
        seen.rows("journal", vec!["id".to_owned(), "amount".to_owned()], rows, false);
        seen
    };
    let partial = Explanation {
        anomaly: Anomaly::Partial,
        message: Some(0),
        expected: Some((seen(300, &[("m1", 300)]), vec![1])),
        observed: seen(300, &[("m0", 100), ("m1", 300)]),
        as_if: None,
    };
    assert_reads(
        &made.screen(&partial),
        r"
credit_is_idempotent: m0 took effect in part                        [1 fault; no history with fewer fails]

  messages  m0 100; m1 300
  expected  m1 delivered once, m0 not at all
            id  amount
            m1  300
  observed  neither as if m0 had been handled nor as if it never came
            id  amount
            m0  100
            m1  300

  p0  m0#1  INSERT INTO journal VALUES ('m0', 100)             1 row
  p0  m0#1  UPDATE account SET balance = balance + 100         disk I/O error (the fault)
  p0  m0#1  rejected, put aside as a dead letter: disk I/O error
  p0  m1#1  INSERT INTO journal VALUES ('m1', 300)             1 row
  p0  m1#1  UPDATE account SET balance = balance + 300         1 row
  p0  m1#1  done, acked

  why       m0#1.1 changed journal, and then m0#1.2 failed
  needed    the failed operation; without it the history passes
  searched  7 histories: every one with no fault, then with 1
  replay    REDELIVER_HISTORY='r1:…' cargo test --package app credit_is_idempotent -- --exact
",
    );
}
