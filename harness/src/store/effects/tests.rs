//! What an outside world guarantees, tried through the machine.

use std::{cell::RefCell, rc::Rc};

use super::{Effects, Receipt};
use crate::{
    Error, Store,
    machine::{
        testing::{Given, Stage, at, crash, delivery, fail, lines, lose_reply, overlap, rows, unused},
        trace::{End, Event, Facts, Replay},
    },
};

fn facts(replay: &Replay, point: &str) -> Facts {
    let found = replay.events.iter().find_map(|event| match event {
        Event::Step { at, facts, .. } if at.to_string() == point => Some(*facts),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing acted at {point}: {:#?}", lines(replay)))
}

async fn mail(outside: &Effects, given: &Given) -> Result<Receipt, Error> {
    outside.perform("mail", format!("m{}", given.message)).await
}

async fn charge(bank: &Effects, given: &Given) -> Result<Receipt, Error> {
    bank.perform_once(&given.message.to_string(), "charge", 100).await
}

#[test]
fn what_is_performed_happens_each_time_with_a_receipt_of_its_own() {
    let mut stage = Stage::new(Effects::new(), async |outside: &Effects, _: &Given| {
        assert_eq!(outside.perform("mail", "alice").await?.number, 1);
        assert_eq!(outside.perform("mail", "alice").await?.number, 2);
        assert_eq!(outside.perform("call", ("bob", 7)).await?.to_string(), "receipt-3");
        Ok::<_, Error>(())
    });
    for _ in 0..2 {
        let replay = stage.replay(1, &[]);
        assert_eq!(
            lines(&replay)[1..4],
            [
                "m0#1.1 perform mail \"alice\": receipt-1",
                "m0#1.2 perform mail \"alice\": receipt-2",
                "m0#1.3 perform call (\"bob\", 7): receipt-3"
            ]
        );
        assert_eq!(
            rows(&replay),
            ["call (\"bob\", 7) 1", "mail \"alice\" 2"],
            "and nothing is left of a replay before"
        );
        let writes = |event: &Event| match event {
            Event::Step { words: Some(words), .. } => Some(words.writes.join(" ")),
            _ => None,
        };
        assert_eq!(replay.events.iter().filter_map(writes).collect::<Vec<_>>(), ["mail", "mail", "call"]);
    }
}

#[test]
fn what_is_performed_once_happens_once_a_key_and_answers_as_the_first_time() {
    let mut stage = Stage::new(Effects::new(), async |bank: &Effects, _: &Given| {
        assert_eq!(bank.perform_once("a", "charge", 1).await?.number, 1);
        assert_eq!(bank.perform_once("b", "charge", 1).await?.number, 2);
        assert_eq!(bank.perform("charge", 1).await?.number, 3, "a plain one has no key");
        // Whatever is asked for under a key that was used.
        assert_eq!(bank.perform_once("a", "refund", 2).await?.number, 1);
        Ok::<_, Error>(())
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(rows(&replay), ["charge 1 3"]);
    assert_eq!(lines(&replay)[4], "m0#1.4 perform_once a refund 2: receipt-1, as before");
    let changes = |point: &str| facts(&replay, point).changes;
    assert!(changes("m0#1.1") && changes("m0#1.2") && changes("m0#1.3") && !changes("m0#1.4"));
}

#[test]
fn a_step_that_fails_did_not_happen_and_one_that_loses_its_reply_did() {
    let mut stage = Stage::new(Effects::new(), mail);
    let failed = stage.replay(1, &[fail(at(0, 1, 1))]);
    assert_eq!(lines(&failed)[1], "m0#1.1 perform mail \"m0\": connection reset");
    assert!(!facts(&failed, "m0#1.1").changes && facts(&failed, "m0#1.1").can_fail);
    assert_eq!(rows(&failed), ["mail \"m0\" 1"]);
    let lost = stage.replay(1, &[lose_reply(at(0, 1, 1))]);
    assert_eq!(lines(&lost)[1], "m0#1.1 perform mail \"m0\": receipt-1, then connection reset");
    assert!(facts(&lost, "m0#1.1").changes && facts(&lost, "m0#1.1").can_lose_reply);
    assert_eq!(rows(&lost), ["mail \"m0\" 2"], "it was delivered again");
}

#[test]
fn under_a_key_it_can_be_tried_again_and_what_happened_before_has_no_reply_to_lose() {
    let mut stage = Stage::new(Effects::new(), charge);
    for fault in [fail(at(0, 1, 1)), lose_reply(at(0, 1, 1)), crash(delivery(0, 1).ack()), overlap(at(0, 1, 1))] {
        let replay = stage.replay(1, &[fault]);
        assert_eq!(rows(&replay), ["charge 100 1"]);
        assert_eq!(replay.end, End::Drained);
    }
    let again = stage.replay(1, &[crash(delivery(0, 1).ack()), lose_reply(at(0, 2, 1))]);
    assert_eq!(unused(&again), ["the operation that stands there cannot suffer it"]);
    let fails = stage.replay(1, &[crash(delivery(0, 1).ack()), fail(at(0, 2, 1))]);
    assert!(facts(&fails, "m0#2.1").suffered.is_some(), "the third party may be out of reach all the same");
}

#[test]
fn nothing_takes_back_what_happened_and_nobody_waits() {
    let mut stage = Stage::new(Effects::new(), mail);
    assert_eq!(rows(&stage.replay(2, &[crash(delivery(0, 1).ack())])), ["mail \"m0\" 2", "mail \"m1\" 1"]);
    let replay = stage.replay(1, &[overlap(at(0, 1, 1))]);
    assert!(!replay.events.iter().any(|event| matches!(event, Event::Blocked { .. })));
    assert!(!facts(&replay, "m0#1.1").locks && !facts(&replay, "m0#2.1").locks);
}

#[test]
fn several_outside_worlds_are_apart() {
    let stores = (Effects::new().named("post"), Effects::new().named("bank"));
    let mut stage = Stage::new(stores, async |(post, bank): &(Effects, Effects), given: &Given| {
        mail(post, given).await?;
        assert_eq!(charge(bank, given).await?.number, 1 + given.message as u32);
        Ok::<_, Error>(())
    });
    let replay = stage.replay(1, &[]);
    let names: Vec<&str> = replay.observation.parts().iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["post", "bank"]);
    assert_eq!(rows(&replay), ["mail \"m0\" 1", "charge 100 1"]);
}

#[test]
fn what_it_came_to_is_told_apart_by_all_that_can_matter() {
    /// The first argument of the handler is what it does.
    fn digest(handler: impl AsyncFn(&Effects, &Given) -> Result<(), Error> + 'static, messages: usize) -> Option<u64> {
        let mut stage = Stage::new(Effects::new(), handler);
        stage.replay(messages, &[]);
        stage.store.digest().expect("it has no errors")
    }
    let one = digest(async |outside: &Effects, _: &Given| outside.perform("a", 1).await.map(drop), 1);
    assert!(one.is_some());
    assert_eq!(one, digest(async |outside: &Effects, _: &Given| outside.perform("a", 1).await.map(drop), 1));
    assert_ne!(one, digest(async |_: &Effects, _: &Given| Ok(()), 1));
    assert_ne!(one, digest(async |outside: &Effects, _: &Given| outside.perform("a", 2).await.map(drop), 1));
    assert_ne!(one, digest(async |outside: &Effects, _: &Given| outside.perform("b", 1).await.map(drop), 1));
    let keyed = digest(async |outside: &Effects, _: &Given| outside.perform_once("k", "a", 1).await.map(drop), 1);
    let other_key = digest(async |outside: &Effects, _: &Given| outside.perform_once("l", "a", 1).await.map(drop), 1);
    assert!(keyed != one && keyed != other_key, "a key that was used matters later");
    let by = |whose: usize| {
        let only = async move |outside: &Effects, given: &Given| {
            if given.message == whose { outside.perform("a", 1).await.map(drop) } else { Ok(()) }
        };
        digest(only, 2)
    };
    assert_ne!(by(0), by(1), "and on whose behalf it happened");
}

#[test]
fn a_handle_works_only_within_a_replay() {
    let kept = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&kept);
    let mut stage = Stage::new(Effects::new(), async move |outside: &Effects, _: &Given| {
        keep.replace(Some(outside.clone()));
        Ok::<_, Error>(())
    });
    stage.replay(1, &[]);
    for handle in [kept.take().expect("it was kept"), Effects::default()] {
        let answer = futures::executor::block_on(handle.perform("mail", ()));
        assert!(answer.expect_err("no replay is going on").to_string().contains("outside a replay"));
    }
}

#[test]
fn futures_of_handles_are_send() {
    fn is_send(_: impl Send) {}
    async fn all(outside: Effects) -> Result<Receipt, Error> {
        outside.perform("mail", "alice").await?;
        outside.perform_once("k", "mail", "alice").await
    }
    is_send(all(Effects::new()));
}
