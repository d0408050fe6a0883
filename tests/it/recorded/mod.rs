//! What real brokers were seen to deliver, and the history under which our delivery model delivers the same: in which order,
//! and which deliveries say that they are not the first. A model is worth what it shares with the real thing.
//!
//! The sequences stand in `seen`, as they were recorded; which of them no model makes yet, and why, stands there too. What a
//! model must *not* deliver is held in the tests of `delivery`.

mod seen;

use std::sync::{Arc, Mutex};

use redeliver::{
    Delivery, DeliveryModel, Error, Harness, History, KeyValue, Message, Messages, Observation, Process, Store, Verdict,
};

use self::seen::{SEEN, Seen};

/// Every delivery of every replay, in the order in which handlers began.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<Vec<String>>>>);

impl Store for Journal {
    type Handle = Self;

    fn reset(&mut self) -> Result<(), Error> {
        self.0.lock().unwrap().push(Vec::new());
        Ok(())
    }

    fn open(&mut self, _: &Process) -> Result<Self, Error> {
        Ok(self.clone())
    }

    fn observe(&mut self, _: &mut Observation) -> Result<(), Error> {
        Ok(())
    }
}

/// The deliveries of a history: `m0`, and `m0*` where the handler is told that it is not the first.
fn deliveries(seen: &Seen, history: &History) -> Vec<String> {
    let journal = Journal::default();
    let written = journal.clone();
    let key = |message: Message<i64>| if seen.keyed { message.ordered_by("k") } else { message };
    let messages = (0..seen.messages).map(|at| key(Message::new(format!("m{at}"), at)));
    let store = (journal, KeyValue::new("world").observed());
    let verdict = Harness::new(store).model(history.model).replay(
        history,
        Messages::exactly(messages),
        async |(journal, kv): &(Journal, KeyValue), m: &Delivery<i64>| {
            let again = if m.redelivered() { "*" } else { "" };
            if let Some(replay) = journal.0.lock().unwrap().last_mut() {
                replay.push(format!("{}{again}", m.id()));
            }
            kv.put(&format!("handled:{}", m.id()), "1").await
        },
    );
    assert!(matches!(verdict, Verdict::Holds(_)), "{}: {verdict:?}", seen.broker);
    let replays = written.0.lock().unwrap();
    replays.first().cloned().unwrap_or_default()
}

/// The history in text, with its messages.
fn history(seen: &Seen) -> History {
    let key = if seen.keyed { "order=k " } else { "" };
    let messages: String = (0..seen.messages).map(|at| format!("message m{at} {key}{at}\n")).collect();
    let faults: String = seen.faults.iter().map(|fault| format!("{fault}\n")).collect();
    let text = format!("redeliver-history 1\nmodel {}\n{messages}{faults}", (seen.model)().name());
    text.parse().unwrap_or_else(|error| panic!("{}: {error}\n{text}", seen.broker))
}

#[test]
fn what_a_broker_was_seen_to_deliver_its_model_delivers_under_a_plausible_history() {
    for seen in SEEN {
        let history = history(seen);
        let delivered = deliveries(seen, &history).join(" ");
        assert_eq!(delivered, seen.deliveries, "{}, {}\n{history}", seen.broker, seen.how);
    }
}

#[test]
fn no_sequence_is_delivered_without_its_faults() {
    // What never comes again is a sequence as without any.
    let comes_again = |seen: &&Seen| (seen.model)() != DeliveryModel::at_most_once();
    for seen in SEEN.iter().filter(comes_again) {
        let history = History { faults: Vec::new(), ..history(seen) };
        assert_ne!(deliveries(seen, &history).join(" "), seen.deliveries, "{}, {}", seen.broker, seen.how);
    }
}

#[test]
fn every_kind_of_broker_was_looked_at() {
    let models = [DeliveryModel::at_least_once(), DeliveryModel::at_most_once(), DeliveryModel::kafka()];
    for model in models {
        assert!(SEEN.iter().any(|seen| (seen.model)() == model), "nothing was recorded for {}", model.name());
    }
}
