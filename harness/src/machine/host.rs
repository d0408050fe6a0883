//! Points and steps of `redeliver-point`, as tickets.
//!
//! That crate knows nothing of this one: while a desk is entered, this host is installed on its thread.

use std::task::Waker;

use redeliver_point::host::{Acted, Fault, Granted, Host, Registered, Turn};

use super::{
    desk::{self, Ticket, step_begins, step_ends, touches},
    footprint::Access,
    trace::{Facts, Injected, Words},
};

/// The one host: what it does, it does at the desk of the thread that asks.
pub(super) static MACHINE: Machine = Machine;

pub(super) struct Machine;

struct Waiting(Ticket);

impl Host for Machine {
    fn register(&self, waker: &Waker) -> Registered {
        match Ticket::register_polled_by(waker) {
            desk::Registered::Waits(ticket) => Registered::Waits(Box::new(Waiting(ticket))),
            desk::Registered::Dead => Registered::Dead,
            desk::Registered::Outside => Registered::Never,
        }
    }

    fn stepping(&self, begins: bool) {
        if begins {
            step_begins();
        } else {
            step_ends();
        }
    }
}

impl Turn for Waiting {
    fn granted(&self, waker: &Waker) -> Option<Granted> {
        let Some(grant) = self.0.granted() else {
            self.0.polled_in_vain(waker);
            return None;
        };
        let fault = grant.fault.map(|fault| match fault {
            Injected::Fail => Fault::Fail,
            Injected::LoseReply => Fault::LoseReply,
        });
        Some(Granted { fault })
    }

    fn acted(self: Box<Self>, acted: Acted<'_>) {
        let suffered = acted.suffered.map(|fault| match fault {
            Fault::Fail => Injected::Fail,
            Fault::LoseReply => Injected::LoseReply,
        });
        let facts = Facts {
            can_fail: acted.can_fail,
            can_lose_reply: acted.can_fail,
            changes: acted.changes,
            // Nobody knows: it may have begun or ended a transaction.
            locks: acted.changes,
            suffered,
            ..Facts::default()
        };
        touches(|| [Access::ELSEWHERE]);
        let words = self.0.wants_words().then(|| {
            let (what, result) = (acted.label.to_owned(), acted.result.to_owned());
            Box::new(Words { what, result, ..Words::default() })
        });
        self.0.acted(facts, words);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, pin::pin, time::Duration};

    use futures::FutureExt;
    use redeliver_point::{point, step};

    use crate::{
        Error, KeyValue,
        machine::{
            testing::{Given, Log, Stage, at, crash, delivery, fail, lines, lose_reply, points, unused},
            trace::{Answer, Event, Facts, Injected},
        },
    };

    /// An operation of somebody else's client that is told apart by what it writes to a log.
    async fn op(log: &Log, what: &str) -> Result<u32, String> {
        log.add(what);
        Ok(1)
    }

    fn lost() -> String {
        "connection lost".to_owned()
    }

    fn store() -> KeyValue {
        KeyValue::new("kv").observed()
    }

    #[test]
    fn outside_of_a_harness_a_point_is_nothing_and_a_step_is_its_operation() {
        let log = Log::default();
        let done = async {
            point("here").await;
            step("op", op(&log, "acted")).or_fail(lost).await
        };
        assert_eq!(done.now_or_never(), Some(Ok(1)));
        assert_eq!(log.take(), ["acted"]);
    }

    #[test]
    fn points_and_steps_are_numbered_among_the_operations() {
        let log = Log::default();
        let heard = log.clone();
        let mut stage = Stage::new(store(), async move |kv: &KeyValue, _: &Given| {
            point("here").await;
            kv.put("a", "1").await.map_err(|error| error.to_string())?;
            step("op", op(&heard, "acted")).or_fail(lost).await
        });
        let replay = stage.replay(1, &[]);
        assert_eq!(lines(&replay)[1..4], ["m0#1.1 here: ok", "m0#1.2 put a 1: ok", "m0#1.3 op: ok"]);
        assert_eq!(log.take(), ["acted"]);
        let replay = stage.replay(1, &[crash(at(0, 1, 3))]);
        assert_eq!(log.take(), ["acted"], "{:#?}", lines(&replay));
    }

    #[test]
    fn a_step_may_change_what_is_durable_a_point_does_not_and_only_what_makes_an_error_can_fail() {
        let facts = |fault: &[crate::history::Fault], can_fail: bool| {
            let mut stage = Stage::new(store(), async move |_: &KeyValue, _: &Given| {
                point("here").await;
                let op = step("op", ready(Ok::<u32, String>(1)));
                if can_fail { op.or_fail(lost).await } else { op.await }
            });
            let steps = stage.replay(1, fault).events.into_iter().filter_map(|event| match event {
                Event::Step { facts, .. } => Some(facts),
                _ => None,
            });
            steps.collect::<Vec<_>>()
        };
        let none = Facts::default();
        let op = Facts { changes: true, locks: true, ..none };
        assert_eq!(facts(&[], false), [none, op]);
        let fails = Facts { can_fail: true, can_lose_reply: true, ..op };
        assert_eq!(facts(&[], true), [none, fails]);
        let failed = facts(&[fail(at(0, 1, 2))], true)[1];
        assert_eq!(failed.suffered, Some(Injected::Fail));
        let unheard = facts(&[lose_reply(at(0, 1, 2))], true)[1];
        assert_eq!(unheard, Facts { suffered: Some(Injected::LoseReply), ..fails });
    }

    #[test]
    fn a_step_that_fails_does_not_run_and_one_that_loses_its_reply_does() {
        let log = Log::default();
        let heard = log.clone();
        let mut stage = Stage::new(store(), async move |_: &KeyValue, given: &Given| {
            step("op", op(&heard, &format!("attempt {}", given.attempt))).or_fail(lost).await
        });
        let answer = Event::Returned {
            delivery: delivery(0, 1),
            process: crate::Process::new(0, 0),
            answer: Answer::Retry(lost()),
        };
        let failed = stage.replay(1, &[fail(at(0, 1, 1))]);
        assert_eq!((log.take(), &failed.events[2]), (vec!["attempt 2".to_owned()], &answer));
        let replay = stage.replay(1, &[lose_reply(at(0, 1, 1))]);
        assert_eq!((log.take().len(), &replay.events[2]), (2, &answer));
        assert_eq!(lines(&replay)[1], "m0#1.1 op: done, and its reply lost");
        assert_ne!(failed.key, replay.key);
    }

    #[test]
    fn without_an_error_of_its_own_a_step_cannot_fail_and_a_point_never_can() {
        let mut stage = Stage::new(store(), async |_: &KeyValue, _: &Given| {
            point("here").await;
            step("op", op(&Log::default(), "acted")).await
        });
        for point in 1..=2 {
            let replay = stage.replay(1, &[fail(at(0, 1, point))]);
            assert_eq!(unused(&replay), ["the operation that stands there cannot suffer it"]);
        }
    }

    #[test]
    fn two_steps_at_once_are_two_points_and_one_that_loses_a_select_never_runs() {
        let log = Log::default();
        let heard = log.clone();
        let mut stage = Stage::new(store(), async move |_: &KeyValue, _: &Given| {
            let (a, b) = futures::join!(step("a", op(&heard, "a")), step("b", op(&heard, "b")));
            a.and(b)?;
            let (mut c, mut d) = (pin!(step("c", op(&heard, "c")).fuse()), pin!(step("d", op(&heard, "d")).fuse()));
            futures::select_biased! { done = c => done, done = d => done }
        });
        let replay = stage.replay(1, &[]);
        assert_eq!(points(&replay), ["m0#1.1", "m0#1.2", "m0#1.3", "m0#1.ack"]);
        assert_eq!(log.take(), ["a", "b", "c"]);
    }

    #[test]
    fn a_step_within_a_step_is_a_part_of_it() {
        let mut stage = Stage::new(store(), async |_: &KeyValue, _: &Given| {
            step("outer", async {
                point("here").await;
                step("inner", ready(Ok::<u32, String>(1))).await
            })
            .await
        });
        assert_eq!(lines(&stage.replay(1, &[]))[1..3], ["m0#1.1 outer: ok", "m0#1 Done"]);
    }

    #[test]
    fn an_operation_of_a_handle_within_a_step_panics_and_says_why() {
        let mut stage = Stage::new(store(), async |kv: &KeyValue, given: &Given| {
            if given.attempt > 1 {
                return Ok(());
            }
            step("outer", kv.put("a", "1")).await
        });
        let replay = stage.replay(1, &[]);
        assert_eq!(lines(&replay)[1], "m0#1.1 outer: panicked");
        let said = "m0#1 Panicked(\"an operation of a handle within `step`";
        assert!(lines(&replay)[2].starts_with(said), "{:#?}", lines(&replay));
    }

    struct Guard(Log);

    impl Drop for Guard {
        fn drop(&mut self) {
            let done = step("guard", op(&self.0, "acted")).or_fail(lost).now_or_never();
            self.0.add(format!("{done:?}"));
        }
    }

    #[test]
    fn a_step_of_a_drop_guard_in_a_crash_does_not_run() {
        let log = Log::default();
        let heard = log.clone();
        let mut stage = Stage::new(store(), async move |kv: &KeyValue, given: &Given| {
            let _guard = (given.attempt == 1).then(|| Guard(heard.clone()));
            kv.put_if_absent("a", "1", Some(Duration::from_secs(1))).await?;
            Ok::<_, Error>(())
        });
        stage.replay(1, &[crash(at(0, 1, 1))]);
        assert_eq!(log.take(), ["Some(Err(\"connection lost\"))"]);
    }
}
