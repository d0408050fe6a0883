//! A precondition on a value: the change says which balance its sender saw, and is made only to that one.
//!
//! "If the balance is 500, add 100." The message carries both numbers. Whoever does not find the balance that it needs takes
//! the change for made already and is done.
//!
//! **Safe because** the comparison and the change are one statement: of two deliveries at the same time the second finds
//! another balance. That is all that it is safe from. The value does not say *who* made it what it is.
//!
//! **Costs** nothing: no mark, no column, no clock. And everything that another sender did in between: the change is then not
//! made at all, and nobody hears of it.
//!
//! **Needs from the delivery model** that nothing comes a second time after something else took effect: a delivery which comes
//! again at once finds the balance that it left.
//!
//! **Not claimed** is any model that delivers again. The guarantee that it lacks is exactly once across other changes (ABA): a
//! payment is made, and its acknowledgement lost; its return brings the old balance back; the payment comes again, finds the
//! balance that it needs, and is made once more. Put to work there all the same it is the twin
//! [`aba_precondition_retry`](crate::precondition_on_version::aba_precondition_retry), which a version mends.
//!
//! **When not.** Where a balance can be what it was before: everywhere but with values that only grow. Then such a value *is* a
//! version, and [`precondition_on_version`](crate::precondition_on_version) says how.
//!
//! Source: the article, section 4 ("if the balance is 500, add 100") and section 7 (ABA: the value cannot solve it). No
//! report of it was found (`aba-precondition-retry`); etcd-io/etcd, issue 14890, shows a client that sends a write again after
//! another one was made.

use redeliver_harness::{
    Anomaly, Contract, Delivery, DeliveryModel, Error, Harness, KeyValue, Message, Messages, Prepared, sqlite::Sqlite,
};
use rusqlite::Connection;

use crate::{
    registry::{Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// One account, and how often it was changed: the balance alone does not show a payment that came back.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL, changes INTEGER NOT NULL);
INSERT INTO account VALUES (0, 0);";

/// What an outsider sees in the end.
pub const OBSERVED: &[&str] = &["SELECT balance, changes FROM account"];

/// The same of a key-value store: keys that begin so.
pub const KEYS: &[&str] = &["balance", "changes"];

/// Where nothing comes a second time.
const CLAIMED: &[DeliveryModel] = &[DeliveryModel::at_most_once()];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "precondition-on-value",
    summary: "change in one statement, if the balance is the one that its sender saw",
    twin_of: None,
    models: CLAIMED,
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: OBSERVED,
    keys: KEYS,
    strategy: Strategy::Whole(prepared),
    witnesses: WITNESSES,
};

/// A payment, its return, and the payment again.
const WITNESSES: &[Witness] = &[
    Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model at-least-once
# m0 makes 100 of 0, m1 makes 0 of 100
message m0 seed=0
message m1 seed=1
lose-ack m0#1
",
    },
    Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model request-reply
# m0 makes 100 of 0, m1 makes 0 of 100
message m0 seed=0
message m1 seed=1
lose-ack m0#1
",
    },
    Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model kafka
# m0 makes 100 of 0, m1 makes 0 of 100
message m0 seed=0
message m1 seed=1
crash m0#1.ack
",
    },
    Witness {
        shows: Anomaly::Twice,
        history: "redeliver-history 1
model kafka-blocking
# m0 makes 100 of 0, m1 makes 0 of 100
message m0 seed=0
message m1 seed=1
crash m0#1.ack
",
    },
];

/// A change of a balance that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The balance that it needs.
    pub from: i64,
    /// By how much it changes it.
    pub by: i64,
}

/// Changes the balance, if it is the one that the change needs.
///
/// # Errors
/// Whatever the database says; whether the change was made, the next delivery finds out by the balance.
pub fn consume(db: &Connection, change: Change) -> rusqlite::Result<()> {
    let sql = "UPDATE account SET balance = balance + ?1, changes = changes + 1 WHERE balance = ?2";
    db.execute(sql, (change.by, change.from)).map(drop)
}

/// The same over the key-value store, where it takes a transaction to count as well.
async fn consume_key_value(store: &KeyValue, change: Change) -> Result<(), Error> {
    let tx = store.begin().await?;
    if tx.add("balance", 0).await? != change.from {
        return Ok(());
    }
    tx.add("balance", change.by).await?;
    tx.add("changes", 1).await?;
    tx.commit().await
}

/// A payment, and its return.
pub fn messages() -> Messages<Change> {
    Messages::exactly([
        Message::new("m0", Change { from: 0, by: 100 }),
        Message::new("m1", Change { from: 100, by: -100 }),
    ])
}

pub(crate) fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database()).contract(contract).prepare(
            messages(),
            async |db: &Sqlite, m: &Delivery<Change>| {
                let change = *m.payload();
                db.call(move |connection| consume(connection, change)).await
            },
        ),
        StoreKind::KeyValue => Harness::new(entry.key_value())
            .contract(contract)
            .prepare(messages(), async |store: &KeyValue, m: &Delivery<Change>| {
                consume_key_value(store, *m.payload()).await
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
