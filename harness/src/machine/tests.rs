//! What the machine guarantees, tried through a key-value store.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};

use super::{
    Turn,
    testing::{
        Given, Log, Stage, advance, at, crash, delivery, fail, lines, lose_reply, overlap, pause, points, rows, unused,
    },
    trace::{End, Event, Replay},
};
use crate::{
    Error, KeyValue,
    history::{Deferred, Fault},
};

fn store() -> KeyValue {
    KeyValue::new("kv").observed()
}

fn line_of(replay: &Replay, start: &str) -> usize {
    let found = lines(replay).iter().position(|line| line.starts_with(start));
    found.unwrap_or_else(|| panic!("no line begins with {start:?}: {:#?}", lines(replay)))
}

/// Appends to a list in four steps.
async fn four_steps(kv: &KeyValue, given: &Given) -> Result<(), Error> {
    for _ in 0..4 {
        kv.put("last", &format!("m{}", given.message)).await?;
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------------- interleavings

/// Which message each of the eight steps was of.
fn interleaving(replay: &Replay) -> String {
    let steps = replay.events.iter().filter_map(|event| match event {
        Event::Step { at, .. } => Some(if at.message() == Some(0) { 'a' } else { 'b' }),
        _ => None,
    });
    steps.collect()
}

/// Every word of so many `a` and so many `b`.
fn words(a: usize, b: usize) -> Vec<String> {
    if a == 0 || b == 0 {
        return vec!["a".repeat(a) + &"b".repeat(b)];
    }
    let begins = |first: &str, rest: Vec<String>| rest.into_iter().map(|rest| format!("{first}{rest}")).collect();
    let (mut with_a, with_b): (Vec<String>, Vec<String>) = (begins("a", words(a - 1, b)), begins("b", words(a, b - 1)));
    with_a.extend(with_b);
    with_a
}

/// The faults whose replay takes the steps in the order of this word.
fn faults_for(word: &str) -> Vec<Fault> {
    let mut done = [0, 0];
    let mut faults = Vec::new();
    // The plain run begins with m0; to begin with m1, m0 stands before its first step.
    let mut runs = 0;
    for step in word.chars() {
        let next = usize::from(step == 'b');
        if next != runs && done[runs] < 4 {
            faults.push(pause(at(runs, 1, done[runs] + 1)));
        }
        runs = next;
        done[next] += 1;
    }
    faults
}

#[test]
fn all_seventy_interleavings_of_two_handlers_of_four_steps_are_reached_by_pauses() {
    let mut stage = Stage::new(store(), four_steps);
    let all = words(4, 4);
    assert_eq!(all.len(), 70);
    for word in all {
        let faults = faults_for(&word);
        let replay = stage.replay(2, &faults);
        assert_eq!(interleaving(&replay), word, "{faults:?}");
        assert_eq!(replay.acted.len(), faults.len());
    }
}

#[test]
fn two_deliveries_of_one_message_interleave_by_an_overlap_and_pauses() {
    let mut stage = Stage::new(store(), four_steps);
    let replay = stage.replay(1, &[overlap(at(0, 1, 2)), pause(at(0, 2, 2)), pause(at(0, 1, 3))]);
    let steps =
        ["m0#1.1", "m0#2.1", "m0#1.2", "m0#2.2", "m0#2.3", "m0#2.4", "m0#2.ack", "m0#1.3", "m0#1.4", "m0#1.ack"];
    assert_eq!(points(&replay), steps);
}

#[test]
fn who_waited_for_a_lock_goes_before_who_stood_for_its_holder() {
    // m0#3 can run when m0#2 commits, m0#1 only when m0#2 has ended.
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| kv.begin().await?.commit().await);
    let replay = stage.replay(1, &[overlap(at(0, 1, 1)), overlap(at(0, 2, 2))]);
    let points_of_two = points(&replay).into_iter().filter(|point| !point.starts_with("m0#2"));
    let steps = ["m0#3.1", "m0#3.2", "m0#3.ack", "m0#1.1", "m0#1.2", "m0#1.ack"];
    assert_eq!(points_of_two.collect::<Vec<_>>(), steps);
}

#[test]
fn a_replay_is_the_same_each_time() {
    let mut stage = Stage::new(store(), four_steps);
    let faults = [overlap(at(0, 1, 2)), pause(at(0, 2, 2)), crash(at(0, 1, 3)), lose_reply(at(1, 1, 1))];
    let first = stage.replay(2, &faults);
    for _ in 0..3 {
        let again = stage.replay(2, &faults);
        assert_eq!((&again.events, &again.acted, again.key), (&first.events, &first.acted, first.key));
    }
}

#[test]
fn a_pause_until_something_that_has_come_does_not_act() {
    let mut stage = Stage::new(store(), four_steps);
    let until = |coordinate| Fault::Pause { at: at(1, 1, 2), until: Some(coordinate) };
    for passed in [at(0, 1, 3), delivery(0, 1).ack()] {
        let replay = stage.replay(2, &[until(passed)]);
        assert_eq!(unused(&replay), ["what it waits for had come by then"]);
    }
    let replay = stage.replay(2, &[pause(at(0, 1, 2)), until(at(0, 1, 3))]);
    assert_eq!(interleaving(&replay), "abaaabbb");
}

// ------------------------------------------------------------------------------------------------- several at once

#[test]
fn two_operations_at_once_are_two_points_in_order() {
    let handler = async |kv: &KeyValue, _: &Given| {
        let (a, b) = futures::join!(kv.add("a", 1), kv.add("b", 1));
        a.and(b)
    };
    let mut stage = Stage::new(store(), handler);
    assert_eq!(lines(&stage.replay(1, &[]))[1..3], ["m0#1.1 add a 1: 1", "m0#1.2 add b 1: 1"]);
    let crashed = stage.replay(1, &[crash(at(0, 1, 2))]);
    assert_eq!(rows(&crashed), ["a=2", "b=1"]);
}

#[test]
fn futures_that_are_only_polled_when_woken_get_their_turn() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let mut all: FuturesUnordered<_> = ["a", "b", "c"].into_iter().map(|key| kv.add(key, 1)).collect();
        while let Some(sum) = all.next().await {
            sum?;
        }
        Ok::<_, Error>(())
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(rows(&replay), ["a=1", "b=1", "c=1"]);
    assert_eq!(points(&replay), ["m0#1.1", "m0#1.2", "m0#1.3", "m0#1.ack"]);
}

#[test]
fn an_operation_that_loses_a_select_never_acts() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        {
            let (mut a, mut b) = (pin!(kv.put("a", "1").fuse()), pin!(kv.put("b", "1").fuse()));
            futures::select_biased! { done = a => done?, done = b => done? }
        }
        kv.put("c", "1").await
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(rows(&replay), ["a=1", "c=1"]);
    assert_eq!(points(&replay), ["m0#1.1", "m0#1.3", "m0#1.ack"]);
}

#[test]
fn an_operation_that_nobody_polls_for_now_keeps_no_other_from_its_turn() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let mut first = pin!(kv.put("a", "1"));
        assert!(first.as_mut().now_or_never().is_none());
        kv.put("b", "1").await?;
        first.await
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(points(&replay), ["m0#1.2", "m0#1.1", "m0#1.ack"]);
    assert_eq!(rows(&replay), ["a=1", "b=1"]);
}

// ------------------------------------------------------------------------------------------------- waiting

/// A lock in the memory of a process, as `tokio::sync::Mutex` is one.
#[derive(Default)]
struct Gate {
    taken: Cell<bool>,
    waits: RefCell<Vec<Waker>>,
}

impl Gate {
    async fn take(&self) {
        poll_fn(|context| {
            if self.taken.get() {
                self.waits.borrow_mut().push(context.waker().clone());
                return Poll::Pending;
            }
            self.taken.set(true);
            Poll::Ready(())
        })
        .await;
    }

    fn give(&self) {
        self.taken.set(false);
        self.waits.take().into_iter().for_each(Waker::wake);
    }
}

#[test]
fn a_delivery_that_waits_in_memory_lets_the_overlapped_one_go_on_and_no_time_pass() {
    let mut stage = Stage::with_process(
        store(),
        |kv| (kv, Gate::default()),
        async |(kv, gate): &(KeyValue, Gate), given: &Given| {
            if given.message == 1 {
                return if given.attempt == 1 { Err(Error::other("later")) } else { Ok(0) };
            }
            gate.take().await;
            let sum = kv.add("n", 1).await;
            gate.give();
            sum
        },
    );
    let beside = Fault::Overlap { at: at(0, 1, 1), to: Some(0) };
    // m1 asks for a retry at once, so there is a time to which the clock could move.
    let replay = stage.replay(2, &[beside]);
    let first = line_of(&replay, "m0#1.1");
    assert!(first < line_of(&replay, "m0#2.1") && first < line_of(&replay, "clock"), "{:#?}", lines(&replay));
    assert_eq!(rows(&replay), ["n=2"]);
    assert_eq!(replay.end, End::Drained);
}

#[test]
fn a_lock_that_is_freed_as_a_handler_is_dropped_is_free() {
    // A future of one's own may hold a transaction beyond its end; it goes with the future.
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        let tx = kv.begin().await?;
        tx.add("n", 1).await?;
        if given.attempt > 1 || given.message > 0 {
            return tx.commit().await;
        }
        let held = Rc::new(tx);
        poll_fn(move |_| {
            let _tx = &held;
            Poll::Ready(Err(Error::other("with a transaction")))
        })
        .await
    });
    assert_eq!(rows(&stage.replay(2, &[pause(at(0, 1, 2))])), ["n=2"]);
}

#[test]
fn who_has_waited_for_a_lock_too_long_when_the_clock_jumps_gives_up() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let tx = kv.begin().await?;
        tx.add("n", 1).await?;
        tx.commit().await
    });
    let replay = stage.replay(2, &[overlap(at(0, 1, 2)), advance(at(0, 1, 3), 31)]);
    assert!(lines(&replay).contains(&"m0#2.1 begin: conflict".to_owned()), "{:#?}", lines(&replay));
    let replay = stage.replay(2, &[overlap(at(0, 1, 2)), advance(at(0, 1, 3), 4)]);
    assert!(!lines(&replay).contains(&"m0#2.1 begin: conflict".to_owned()), "{:#?}", lines(&replay));
}

#[test]
fn a_handler_that_waits_for_what_never_comes_is_inconclusive() {
    let mut stage = Stage::new(store(), async |_: &KeyValue, _: &Given| {
        std::future::pending::<()>().await;
        Ok::<_, Error>(())
    });
    let End::Inconclusive(why) = stage.replay(1, &[]).end else { panic!("it never ended") };
    assert!(why.starts_with("m0#1 waits for something"), "{why}");
}

#[test]
fn a_message_that_always_waits_for_a_lock_is_stuck_and_not_inconclusive() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let tx = kv.begin().await?;
        // Never succeeds: the same handler holds the lock.
        kv.put("a", "1").await?;
        tx.commit().await
    });
    assert_eq!(stage.replay(1, &[]).end, End::Stuck(vec![0]));
}

// ------------------------------------------------------------------------------------------------- drop guards

struct Guard {
    kv: KeyValue,
    log: Log,
    panics: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let answer = futures::executor::block_on(self.kv.put("guard", "1"));
        self.log.add(if answer.is_ok() { "acted" } else { "refused" });
        assert!(!self.panics, "in a drop guard");
    }
}

#[test]
fn a_drop_guard_of_a_dead_process_does_nothing_and_its_panic_is_swallowed() {
    let log = Log::default();
    let heard = log.clone();
    let mut stage = Stage::with_process(
        store(),
        move |kv: KeyValue| Guard { kv, log: heard.clone(), panics: true },
        async |process: &Guard, given: &Given| {
            let guard = Guard { kv: process.kv.clone(), log: process.log.clone(), panics: given.attempt == 1 };
            let tx = process.kv.begin().await?;
            tx.add("n", 1).await?;
            let sum = tx.get("n").await;
            if given.attempt > 1 {
                std::mem::forget(guard);
                return tx.commit().await;
            }
            sum.map(|_| ())
        },
    );
    let replay = stage.replay(1, &[crash(at(0, 1, 3))]);
    assert_eq!(rows(&replay), ["n=1"]);
    assert_eq!(log.take(), ["refused"; 3]);
    assert_eq!(replay.end, End::Drained);
}

// ------------------------------------------------------------------------------------------------- faults

#[test]
fn a_fault_that_an_operation_cannot_suffer_takes_no_other_with_it() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| kv.begin().await?.rollback().await);
    let faults = [fail(at(0, 1, 2)), Fault::Duplicate { message: 0, at: None }];
    let replay = stage.replay(1, &faults);
    let acted: Vec<usize> = replay.acted.iter().map(|acted| acted.fault).collect();
    assert_eq!(acted, [1]);
    assert_eq!(unused(&replay), ["the operation that stands there cannot suffer it"]);
    assert_eq!(points(&replay).iter().filter(|point| point.ends_with("ack")).count(), 2);
}

#[test]
fn a_fault_waits_for_the_lock_with_its_operation() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        let tx = kv.begin().await?;
        tx.add("n", 1).await?;
        tx.commit().await?;
        kv.add("n", 1).await.map(|_| ())
    });
    let replay = stage.replay(2, &[overlap(at(0, 1, 4)), pause(at(0, 2, 2)), lose_reply(at(0, 1, 4))]);
    assert_eq!(replay.unused, []);
    assert!(lines(&replay)[line_of(&replay, "m0#1.4 add")].ends_with("then connection reset"), "{:#?}", lines(&replay));
}

#[test]
fn a_fault_that_names_nobody_is_refused() {
    let mut stage = Stage::new(store(), four_steps);
    let nobody = Fault::Overlap { at: at(0, 1, 1), to: Some(7) };
    let nothing = Fault::Duplicate { message: 7, at: Some(at(0, 1, 1)) };
    assert_eq!(unused(&stage.replay(1, &[nobody, nothing])), ["there is no such process", "there is no such message"]);
}

#[test]
fn what_is_put_off_past_a_message_comes_when_that_is_asked_for_again_but_not_when_it_was_before() {
    let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
        kv.put("last", &format!("m{}", given.message)).await?;
        if given.message == 1 && given.attempt <= 2 { Err(Error::other("not yet")) } else { Ok(()) }
    });
    let began = |replay: &Replay| {
        let began = replay.events.iter().filter_map(|event| match event {
            Event::Delivered { delivery, .. } => Some(delivery.to_string()),
            _ => None,
        });
        began.collect::<Vec<_>>().join(" ")
    };
    let first = Fault::Defer { what: Deferred::Message(0), past: 1 };
    assert_eq!(began(&stage.replay(2, &[first])), "m1#1 m0#1 m1#2 m1#3");
    // A second after m1#1 was refused m0#2 is put off, and comes after the refusal of m1#2.
    let second = Fault::Defer { what: Deferred::Delivery(delivery(0, 2)), past: 1 };
    let replay = stage.replay(2, &[Fault::LoseAck { delivery: delivery(0, 1) }, second]);
    assert_eq!((began(&replay).as_str(), &replay.unused[..]), ("m0#1 m1#1 m1#2 m0#2 m1#3", &[][..]));
}

// ------------------------------------------------------------------------------------------------- reference runs

#[test]
fn a_reference_run_delivers_one_after_the_other_whatever_comes_of_it() {
    let turn = |message| Turn { message, at: Duration::from_secs(message as u64), seed: 1, copy: 0 };
    let mut stage = Stage::with_process(
        store(),
        |kv| (kv, Gate::default()),
        async |(kv, gate): &(KeyValue, Gate), _: &Given| {
            gate.take().await;
            kv.add("n", 1).await
        },
    );
    // The gate is never given back: the second waits for ever, and the third is not let past it.
    let replay = stage.reference(3, &[turn(0), turn(2), turn(1)]);
    assert_eq!(rows(&replay), ["n=1"]);
    assert_eq!(lines(&replay).last().map(String::as_str), Some("p0 m2#1 delivered, First"));
    assert!(matches!(replay.end, End::Inconclusive(_)));
}

#[test]
fn a_panic_outside_of_a_handler_is_an_error_with_its_words() {
    let mut stage =
        Stage::with_process(store(), |_| panic!("no configuration"), async |(): &(), _: &Given| Ok::<_, Error>(()));
    let error = stage.run(1, &[], None).expect_err("no process can start");
    assert!(error.to_string().contains("no configuration"), "{error}");
    // And the machine is as good as new.
    assert_eq!(Stage::new(store(), four_steps).replay(1, &[]).end, End::Drained);
}

#[test]
fn a_replay_within_a_replay_is_an_error() {
    let said = Rc::new(RefCell::new(String::new()));
    let heard = Rc::clone(&said);
    let mut outer = Stage::new(store(), async move |_: &KeyValue, _: &Given| {
        let mut inner = Stage::new(store(), four_steps);
        *heard.borrow_mut() = inner.run(1, &[], None).map_or_else(|error| error.to_string(), |_| String::new());
        Ok::<_, Error>(())
    });
    assert_eq!(outer.replay(1, &[]).end, End::Drained);
    assert!(said.borrow().contains("within a replay"), "{}", said.borrow());
}

#[test]
fn operations_of_a_dead_process_never_end() {
    let kept: Rc<RefCell<Option<KeyValue>>> = Rc::default();
    let keep = Rc::clone(&kept);
    let mut stage = Stage::new(store(), async move |kv: &KeyValue, given: &Given| {
        let old = keep.replace(Some(kv.clone()));
        if given.attempt == 1 {
            return kv.put("a", "1").await;
        }
        let mut late = pin!(old.as_ref().expect("the first kept it").put("a", "late"));
        assert!(poll_fn(|context| Poll::Ready(late.as_mut().poll(context).is_pending())).await);
        kv.put("b", "1").await
    });
    assert_eq!(rows(&stage.replay(1, &[crash(at(0, 1, 1))])), ["b=1"]);
}

#[test]
fn an_operation_of_a_dead_process_takes_no_turn_though_it_is_waited_for() {
    let kept: Rc<RefCell<Option<KeyValue>>> = Rc::default();
    let keep = Rc::clone(&kept);
    let mut stage = Stage::new(store(), async move |kv: &KeyValue, given: &Given| {
        let old = keep.replace(Some(kv.clone()));
        if given.attempt == 1 {
            return kv.put("a", "1").await;
        }
        let old = old.expect("the first kept it");
        let own = async {
            kv.put("b", "1").await?;
            kv.put("c", "1").await
        };
        let (mut late, mut own) = (pin!(old.put("a", "late").fuse()), pin!(own.fuse()));
        poll_fn(|context| {
            let late = late.as_mut().poll(context);
            if late.is_ready() { late } else { own.as_mut().poll(context) }
        })
        .await
    });
    let replay = stage.replay(1, &[crash(at(0, 1, 1))]);
    assert_eq!((rows(&replay), replay.end), (vec!["b=1".to_owned(), "c=1".to_owned()], End::Drained));
}
