//! redeliver's random mode. One execution: a history is drawn, of two messages in three processes with up to eight faults,
//! and replayed, and what every message ended with is looked at.
//!
//! What is different from the peers. The faults decide how often a message is delivered, where its deliveries overlap, where
//! a process crashes, a statement fails or a reply is lost: there is no uniform choice before each operation, and how many
//! deliveries and operations there are differs from history to history (the table has the mean). An operation is one of a
//! real `KeyValue` store, with texts for keys and values, which is put back before each replay and not made anew. A replay
//! records its events too, from which a report can be made. Learning the handler (two replays for each run of this program)
//! is in it; judging, which a check adds, is not: as with the peers the verdict is a look at two numbers.

use redeliver_harness::{Delivery, Error, KeyValue, Message, Messages, Observation, measure::RandomHistories};

use crate::cell::{AMOUNT, MESSAGES, Tally, WORKERS};

async fn toctou(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let mark = format!("seen:{}", m.id());
    if kv.get(&mark).await?.is_none() {
        kv.add(&format!("effect:{}", m.id()), *m.payload()).await?;
        kv.put(&mark, "1").await?;
    }
    Ok(())
}

/// Histories, each time further ones of the same seed.
pub fn random() -> impl FnMut(u64, &Tally) {
    let messages = Messages::exactly((0..MESSAGES).map(|nth| Message::new(format!("m{nth}"), AMOUNT)));
    let store = KeyValue::new("bank").observe_prefix("effect:");
    let mut histories = RandomHistories::of(messages, WORKERS, store, toctou);
    move |executions, tally| {
        let times = usize::try_from(executions).expect("so many fit");
        let mut violated = 0;
        let operations = histories.draw_and_look(times, |seen| violated += u64::from(is_violated(seen)));
        tally.add(operations as u64, violated);
    }
}

fn is_violated(seen: &Observation) -> bool {
    let effects = seen.rows_of("bank");
    effects.len() != MESSAGES || effects.iter().any(|row| row[1] != "100")
}
