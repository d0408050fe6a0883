//! Checks that found nothing, numbers, and lines that are too wide.

use std::time::Duration;

use super::assert_reads;
use crate::{
    Searched,
    history::{DeliveryName, Fault},
    report::{Usual, inconclusive, passed, text},
    verdict::Inconclusive,
};

fn searched() -> Searched {
    Searched {
        faults: 2,
        histories: vec![4, 100, 1100],
        workloads: vec![
            "one message (100)".into(),
            "two unlike (100, 300)".into(),
            "two with equal payloads (100, 100)".into(),
        ],
        acted: vec![("crash", 2402), ("defer", 0), ("lose-ack", 1), ("overlap", 812)],
        unseen: vec!["m1 of a message and its inverse".into()],
        ..Searched::default()
    }
}

#[test]
fn a_check_that_holds_says_how_far_it_searched() {
    assert_reads(
        &passed("credit_is_idempotent", &searched()),
        r"
credit_is_idempotent: holds in 1,204 histories searched

  searched  every history with up to 2 faults (1,204): one message (100), two unlike (100, 300), two with
            equal payloads (100, 100)
  acted     crash 2,402 times, lose-ack once, overlap 812 times
  never     defer: nothing gave it a place to act
  unseen    the loss of m1 of a message and its inverse would leave the same, and was not judged
",
    );
    let further =
        Searched { histories: vec![4, 100, 1100, 0, 200, 56], ..Searched { faults: 2, ..Searched::default() } };
    assert_reads(
        &passed("credit", &further),
        r"
credit: holds in 1,460 histories searched

  searched  every history with up to 2 faults (1,204), then 256 with more
",
    );
    let at_random = vec![("crash", 1400), ("lose-ack", 1)];
    let random = Searched { random: 256, random_faults: 8, seed: 7, acted_at_random: at_random, ..searched() };
    assert_reads(
        &passed("credit", &random).lines().take(5).collect::<Vec<_>>().join("\n"),
        r"
credit: holds in 1,460 histories searched

  searched  every history with up to 2 faults (1,204): one message (100), two unlike (100, 300), two with
            equal payloads (100, 100); then 256 random ones with up to 8 (seed 7)
  acted     crash 2,402 times (1,400 at random), lose-ack once (1 at random), overlap 812 times",
    );
    let plain = Searched { histories: vec![1], ..Searched::default() };
    assert_reads(
        &passed("credit", &plain),
        r"
credit: holds in 1 history searched

  searched  every history with no fault (1)
",
    );
}

#[test]
fn one_history_that_was_given_is_no_search() {
    let crash = Fault::Crash { at: DeliveryName::new(0, 1).operation(9) };
    let unused = vec![(crash, "nothing reached the place that it names")];
    let given = Searched { histories: vec![0, 1], alone: true, unused, ..Searched::default() };
    assert_reads(
        &passed("credit", &given),
        r"
credit: the history passes

  searched  nothing: this one history was given
  unused    crash m0#1.9: nothing reached the place that it names
",
    );
    assert_reads(
        &passed("credit", &Searched { before: 2, histories: vec![4], ..Searched::default() }),
        r"
credit: holds in 4 histories searched

  searched  every history with no fault (4)
  before    2 counterexamples of earlier runs: none fails any more
",
    );
}

#[test]
fn it_is_told_by_how_much_the_clock_jumped() {
    let jumps = vec![std::time::Duration::from_secs(1), std::time::Duration::from_secs(31)];
    let ladder = Searched { histories: vec![4], jumps, ..Searched::default() };
    let told = |searched: &Searched| passed("credit", searched).lines().skip(3).collect::<Vec<_>>().join("\n");
    assert_eq!(told(&ladder), "  jumps     of the clock by 1s, 31s");
    assert_reads(
        &told(&Searched { deadlines: true, ..ladder }),
        r"
  jumps     of the clock by 1s, 31s; and to each time at which something expired, and to 1 ms before and after
            it",
    );
}

#[test]
fn an_inconclusive_one_says_what_usually_lies_behind_it() {
    let reason = "m0#1 waits for something that the harness does not run".to_owned();
    let nothing = Inconclusive { reason, searched: searched(), usual: Usual::Waits };
    assert_reads(
        &inconclusive("credit_is_idempotent", &nothing),
        r"
credit_is_idempotent: inconclusive, which is not a pass

  reason    m0#1 waits for something that the harness does not run
  usually   real I/O outside `step`; `spawn_blocking`; a lock or a channel whose other end no delivery holds.
            Put clients of your own behind `step`
  searched  every history with up to 2 faults (1,204)
",
    );
    let nothing = Inconclusive {
        reason: "no such table: account\n".to_owned(),
        searched: Searched::default(),
        usual: Usual::Nothing,
    };
    assert_reads(
        &inconclusive("credit", &nothing),
        r"
credit: inconclusive, which is not a pass

  reason    no such table: account\n
",
    );
    for usual in [Usual::Waits, Usual::NothingSeen, Usual::TooLarge] {
        let nothing = Inconclusive { usual, ..nothing.clone() };
        assert!(inconclusive("credit", &nothing).contains("\n  usually   "), "{usual:?}");
    }
}

#[test]
fn numbers_spans_and_short_texts() {
    assert_eq!(
        [0, 7, 999, 1000, 1_204, 1_234_567].map(text::thousands),
        ["0", "7", "999", "1,000", "1,204", "1,234,567"]
    );
    let spans = [0, 999, 1000, 31_000, 301_000, 3_601_000, 86_401_500].map(Duration::from_millis).map(text::span);
    assert_eq!(spans, ["0 s", "999 ms", "1 s", "31 s", "5 min 1 s", "1 h 1 s", "24 h 1 s 500 ms"]);
    assert_eq!(text::shorten("abcdefghij", 10), "abcdefghij");
    assert_eq!(text::shorten("abcdefghijk", 10), "abcdef…ijk");
    assert_eq!([0, 1, 2].map(|width| text::shorten("abc", width)), ["…", "…", "a…"]);
    assert_eq!(text::list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
}
