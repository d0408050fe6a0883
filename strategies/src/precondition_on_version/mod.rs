//! A precondition on a version: the change with number 7 is only made to what has seen 6 of them.
//!
//! The producer numbers its changes of one account. Each is written down under its number; then whichever is next is made,
//! in one statement that makes it and counts it, until the next one is not there.
//!
//! **Safe because** the version only grows: once a change is made, its precondition is never true again, whatever becomes of
//! the balance. Each statement stands for itself, so there is no transaction: who dies between two of them leaves a change
//! that is written down and not made, and whoever comes next makes it.
//!
//! **Costs** a number in each change, which the producer has to draw without a gap, a row for each change, and a wait behind
//! every gap.
//!
//! **Needs from the delivery model** the numbers, and that a delivery which did not end comes again. A change that comes before those that it follows is a *gap*: it
//! waits in the table. (One that is refused instead, so that it comes again, is never handled where the broker gives up on it
//! before the earlier one comes; and one that is taken for a duplicate is lost.)
//!
//! **Not claimed** is at-most-once. There nobody comes back for a delivery that died between its own change and the one that
//! waited for it, and that one, which was handled long ago, is lost until something else comes.
//!
//! **When not.** Where changes commute and producers do not number them: marks do without order. And a message that never
//! comes holds up everything behind it: that is the price of order.
//!
//! Source: the article, sections 4 and 7: not the value, a version; azure-contrib/socket.io-servicebus, issue 28, for what a
//! gap costs (`gap-stall`).

pub mod aba_precondition_retry;
pub mod gap_acked;

use redeliver_harness::{
    Anomaly, Contract, Delivery, DeliveryModel, Error, Harness, KeyValue, Prepared, sqlite::Sqlite,
};
use rusqlite::Connection;

use crate::{
    registry::{AMOUNTS, Entry, Strategy},
    run::StoreKind,
    witness::Witness,
};

/// One account, how many changes it has seen, and the changes by number.
pub const SCHEMA: &str = "CREATE TABLE account (balance INTEGER NOT NULL, version INTEGER NOT NULL);
INSERT INTO account VALUES (0, 0);
CREATE TABLE change (number INTEGER PRIMARY KEY, amount INTEGER NOT NULL);";

/// Where what did not end comes again.
const CLAIMED: &[DeliveryModel] = &[
    DeliveryModel::at_least_once(),
    DeliveryModel::request_reply(),
    DeliveryModel::kafka(),
    DeliveryModel::kafka_blocking(),
];

/// The registry's entry.
pub static ENTRY: Entry = Entry {
    name: "precondition-on-version",
    summary: "change and version in one statement, if the version is the one before; a gap waits",
    twin_of: None,
    models: CLAIMED,
    faults: 2,
    contract: Contract::strict,
    schema: SCHEMA,
    observed: &["SELECT balance, version FROM account"],
    keys: &["balance", "version"],
    strategy: Strategy::Whole(prepared),
    witnesses: &[Witness {
        shows: Anomaly::Lost,
        history: "redeliver-history 1
model at-most-once
message m0 100
message m1 300
defer m0 past m1
crash m0#1.3
",
    }],
};

/// Changes the balance by the amount, as the change of this number, counted from 1; at once, or when those before it have come.
///
/// # Errors
/// Whatever the database says; the next delivery, of this change or another, goes on where this one stopped.
pub fn consume(db: &Connection, number: i64, amount: i64) -> rusqlite::Result<()> {
    db.execute("INSERT INTO change VALUES (?1, ?2) ON CONFLICT (number) DO NOTHING", (number, amount))?;
    let make_next = "UPDATE account SET balance = balance + change.amount, version = change.number
        FROM change WHERE change.number = version + 1";
    while db.execute(make_next, [])? == 1 {}
    Ok(())
}

/// The same over the key-value store.
async fn consume_key_value(store: &KeyValue, number: i64, amount: i64) -> Result<(), Error> {
    store.put_if_absent(&format!("change:{number}"), &amount.to_string(), None).await?;
    loop {
        let tx = store.begin().await?;
        let next =
            1 + tx.get("version").await?.map_or(Ok(0), |version| version.parse::<i64>()).map_err(Error::other)?;
        let Some(amount) = tx.get(&format!("change:{next}")).await? else { return Ok(()) };
        tx.add("balance", amount.parse().map_err(Error::other)?).await?;
        tx.put("version", &next.to_string()).await?;
        tx.commit().await?;
    }
}

/// The number of a change, which its producer put into its id: 1 of `m0`.
fn number(id: &str) -> Result<i64, Error> {
    let place = id.strip_prefix('m').and_then(|place| place.parse::<i64>().ok());
    place.map(|place| place + 1).ok_or_else(|| Error::other(format!("`{id}` has no number")))
}

fn prepared(entry: &Entry, store: StoreKind) -> Option<Prepared> {
    let contract = (entry.contract)();
    Some(match store {
        StoreKind::Sqlite => Harness::new(entry.database()).contract(contract).prepare(
            AMOUNTS,
            async |db: &Sqlite, m: &Delivery<i64>| {
                let (number, amount) = (number(m.id())?, *m.payload());
                db.call(move |connection| consume(connection, number, amount)).await.map_err(Error::other)
            },
        ),
        StoreKind::KeyValue => Harness::new(entry.key_value())
            .contract(contract)
            .prepare(AMOUNTS, async |store: &KeyValue, m: &Delivery<i64>| {
                consume_key_value(store, number(m.id())?, *m.payload()).await
            }),
        StoreKind::KeyValueAtSnapshot => return None,
    })
}
