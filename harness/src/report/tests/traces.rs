//! Every kind of event and fault, in words.

use std::time::Duration;

use super::{
    assert_reads,
    made::{Made, at, name},
};
use crate::{
    history::{Deferred, Fault},
    machine::trace::{Answer, Event, Injected, Origin, Settlement},
    store::Process,
};

#[test]
fn answers_and_what_the_broker_made_of_them() {
    let mut made = Made::new(2);
    made.deliver(name(0, 1), 0, Origin::First).retries(name(0, 1), "409, in flight");
    made.later(Duration::from_secs(1)).deliver(name(0, 2), 0, Origin::Redelivery);
    made.returns(name(0, 2), Answer::Panicked("index out of bounds\n at line 3".to_owned()));
    made.settles(name(0, 2), Settlement::Nacked).later(Duration::from_millis(2500));
    made.deliver(name(0, 3), 0, Origin::Redelivery).returns(name(0, 3), Answer::Reject("422".to_owned()));
    made.settles(name(0, 3), Settlement::DeadLettered).deliver(name(1, 1), 0, Origin::First).ack_lost(name(1, 1));
    made.later(Duration::from_secs(3661)).deliver(name(1, 2), 0, Origin::Redelivery);
    made.returns(name(1, 2), Answer::DONE).advance(name(1, 2).ack(), Duration::from_secs(31));
    made.settles(name(1, 2), Settlement::Acked);
    assert_reads(
        &made.trace(),
        r"
  p0  m0#1  retry: 409, in flight
      ── 1 s later, m0 is delivered again ──
  p0  m0#2  panicked: index out of bounds\n at line 3
      ── 2 s 500 ms later, m0 is delivered again ──
  p0  m0#3  rejected, put aside as a dead letter: 422
  p0  m1#1  done
      ── the ack of m1#1 is lost ──
      ── 1 h 1 min 1 s later, m1 is delivered again ──
  p0  m1#2  done
      ── the clock jumps 31 s ──
  p0  m1#2  acked
",
    );
}

#[test]
fn faults_of_operations_and_locks() {
    let (one, two) = (name(0, 1), name(0, 2));
    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First).step(one, "BEGIN IMMEDIATE", "ok").overlap(one.operation(2), two);
    made.blocked(two, "BEGIN IMMEDIATE").broken(one, "get seen:m0", "connection reset", Injected::Fail);
    made.broken(one, "COMMIT", "disk I/O error", Injected::LoseReply).later(Duration::from_secs(5));
    made.step(two, "BEGIN IMMEDIATE", "database is locked").gave_up().step(two, "", "").retries(two, "busy");
    assert_reads(
        &made.trace(),
        r"
  p0  m0#1  BEGIN IMMEDIATE                                    ok
      ── m0 is delivered again while m0#1 is being handled ──
  p1  m0#2  BEGIN IMMEDIATE                                    waits for a lock
  p0  m0#1  get seen:m0                                        connection reset (the fault)
  p0  m0#1  COMMIT                                             took effect, and the reply was lost
      ── 5 s later ──
  p1  m0#2  BEGIN IMMEDIATE                                    gave up waiting: database is locked
  p1  m0#2  operation 2
  p1  m0#2  retry: busy
",
    );
}

#[test]
fn deferrals_pauses_and_copies() {
    let (one, other) = (name(0, 1), name(1, 1));
    let mut made = Made::new(2);
    made.fault(Fault::Defer { what: Deferred::Message(0), past: 1 }).deliver(other, 0, Origin::First);
    made.step(other, "get a", "none").fault(Fault::Duplicate { message: 0, at: Some(at(1, 1, 2)) });
    made.deliver(one, 0, Origin::Copy).step(one, "get a", "none");
    made.fault(Fault::Pause { at: at(0, 1, 2), until: Some(at(1, 1, 3)) }).step(other, "get b", "none");
    made.fault(Fault::Pause { at: other.ack(), until: None }).step(one, "get b", "none").done(one);
    made.fault(Fault::Duplicate { message: 1, at: None }).done(other);
    made.fault(Fault::Defer { what: Deferred::Delivery(name(1, 2)), past: 0 });
    made.deliver(name(1, 2), 0, Origin::Copy).done(name(1, 2));
    assert_reads(
        &made.trace(),
        r"
      ── m0 is held back until m1 has been handled ──
  p0  m1#1  get a                                              none
      ── a second copy of m0 is delivered while m1#1 is being handled ──
  p0  m0#1  get a                                              none
      ── m0#1 stops here until m1#1.3 has been passed ──
  p0  m1#1  get b                                              none
      ── m1#1 stops before its ack while others run ──
      ── m0#1 goes on ──
  p0  m0#1  get b                                              none
  p0  m0#1  done, acked
      ── m1#1 goes on ──
  p0  m1#1  done, acked
      ── m1#2 is held back until m0 has been handled ──
      ── a second copy of m1 is delivered ──
  p0  m1#2  done, acked
",
    );
}

#[test]
fn crashes_say_what_they_take_along() {
    let mut made = Made::new(2);
    made.deliver(name(0, 1), 0, Origin::First).deliver(name(1, 1), 0, Origin::First);
    made.fault(Fault::Pause { at: at(1, 1, 1), until: None });
    made.step(name(0, 1), "get a", "none").crash(at(0, 1, 2), &[name(1, 1)]).later(Duration::from_secs(1));
    made.deliver(name(0, 2), 0, Origin::Redelivery).returns(name(0, 2), Answer::DONE).crash(name(0, 2).ack(), &[]);
    made.deliver(name(1, 2), 1, Origin::Redelivery).overlap(name(1, 2).ack(), name(1, 3)).crash(at(1, 2, 1), &[]);
    made.replay.events.push(Event::Crashed { process: Process::new(7, 0), lost: Vec::new() });
    assert_reads(
        &made.trace(),
        r"
      ── m1#1 stops here while others run ──
  p0  m0#1  get a                                              none
      ── p0 crashes, and takes m1#1 along; it restarts ──
      ── 1 s later, m0 is delivered again ──
  p0  m0#2  done
      ── p0 crashes before m0#2 is acked; it restarts ──
      ── m1 is delivered again ──
      ── m1 is delivered again while the ack of m1#2 is on its way ──
      ── p1 crashes and restarts ──
      ── p7 crashes and restarts ──
",
    );
}

#[test]
fn what_users_wrote_cannot_break_the_screen() {
    let one = name(0, 1);
    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First);
    made.step(
        one,
        "\n  SELECT a,\n         b -- c\n  FROM t\n  WHERE x = 'two\nlines'  AND  y = \"z\"\n",
        "a\tb\u{1b}[31m",
    );
    let columns: Vec<String> = (0..40).map(|at| format!("column_{at}")).collect();
    made.step(one, &format!("SELECT {} FROM wide WHERE id = 'm0'", columns.join(", ")), &"9".repeat(200));
    made.step(one, "get \u{202e}desrever", "1 row").retries(one, &"because ".repeat(40));
    let trace = made.trace();
    assert!(trace.lines().all(|line| line.chars().count() <= 110), "{trace}");
    assert_reads(
        &trace,
        r#"
  p0  m0#1  SELECT a, b -- c FROM t WHERE x = 'two\nlines' AND y = "z"    a b\u{1b}[31m
  p0  m0#1  SELECT column_0, column_1, column_2,…OM wide WHERE id = 'm0'  999999999999999999999…99999999999999
  p0  m0#1  get \u{202e}desrever                                          1 row
  p0  m0#1  retry: because because because because because because beca…cause because because because because
"#,
    );
}

#[test]
fn a_long_trace_keeps_its_ends_and_its_faults() {
    let one = name(0, 1);
    let mut made = Made::new(1);
    made.deliver(one, 0, Origin::First);
    for step in 1..=1500 {
        if step == 700 {
            made.advance(at(0, 1, step), Duration::from_secs(301));
        }
        made.step(one, &format!("get key-{step}"), "none").writes("key");
    }
    let screen = made.screen(&super::made::wrong(crate::Anomaly::Unexplained, 0, (0, 1), &[0], None));
    let trace: Vec<&str> = screen.lines().skip(5).take(40).collect();
    assert_reads(
        &(trace.join("\n") + "\n"),
        r"

  p0  m0#1  get key-1                                          none
  p0  m0#1  get key-2                                          none
  p0  m0#1  get key-3                                          none
  p0  m0#1  get key-4                                          none
  p0  m0#1  get key-5                                          none
  p0  m0#1  get key-6                                          none
  p0  m0#1  get key-7                                          none
  p0  m0#1  get key-8                                          none
  p0  m0#1  get key-9                                          none
  p0  m0#1  get key-10                                         none
  p0  m0#1  get key-11                                         none
  p0  m0#1  get key-12                                         none
  p0  m0#1  get key-13                                         none
  p0  m0#1  get key-14                                         none
  p0  m0#1  get key-15                                         none
  p0  m0#1  get key-16                                         none
  p0  m0#1  get key-17                                         none
  p0  m0#1  get key-18                                         none
  p0  m0#1  get key-19                                         none
  p0  m0#1  get key-20                                         none
      … 678 more lines …
  p0  m0#1  get key-699                                        none
      ── the clock jumps 5 min 1 s ──
  p0  m0#1  get key-700                                        none
      … 788 more lines …
  p0  m0#1  get key-1489                                       none
  p0  m0#1  get key-1490                                       none
  p0  m0#1  get key-1491                                       none
  p0  m0#1  get key-1492                                       none
  p0  m0#1  get key-1493                                       none
  p0  m0#1  get key-1494                                       none
  p0  m0#1  get key-1495                                       none
  p0  m0#1  get key-1496                                       none
  p0  m0#1  get key-1497                                       none
  p0  m0#1  get key-1498                                       none
  p0  m0#1  get key-1499                                       none
  p0  m0#1  get key-1500                                       none

  needed    the jump of the clock; without it the history passes
",
    );
    assert_eq!(made.trace().lines().count(), 1501);
}
