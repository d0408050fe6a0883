//! How far transactions that are open at once keep apart.
//!
//! What each level does stands in `state` (what a transaction writes and sees) and in `operation` (who waits).

/// How far transactions of a [`KeyValue`](super::KeyValue) store keep apart that are open at once.
///
/// The names are those of SQL and the behaviour is PostgreSQL's (its `REPEATABLE READ` is [`Snapshot`](Self::Snapshot)) but
/// at [`Serializable`](Self::Serializable), where one writes at a time, as in SQLite. No level shows what was not committed.
/// Beyond that, in the words of [Hermitage](https://github.com/ept/hermitage), these are possible:
///
/// | | `ReadCommitted` | `Snapshot` | `Serializable` |
/// |---|---|---|---|
/// | what was looked for appears meanwhile (PMP) | yes | no | no |
/// | lost update (P4) | yes | no | no |
/// | read skew (G-single) | yes | no | no |
/// | write skew (G2-item), and so two owners of what is claimed under two keys | yes | yes | no |
///
/// ```
/// use redeliver_harness::{Error, Isolation, KeyValue};
///
/// let store = KeyValue::new("bank").isolation(Isolation::Snapshot).observe_key("balance");
///
/// // Reads and writes back: loses an update at `ReadCommitted`, and cannot commit at `Snapshot`.
/// async fn credit(kv: &KeyValue, amount: i64) -> Result<(), Error> {
///     let tx = kv.begin().await?;
///     let balance: i64 = tx.get("balance").await?.and_then(|balance| balance.parse().ok()).unwrap_or(0);
///     tx.put("balance", &(balance + amount).to_string()).await?;
///     tx.commit().await
/// }
/// # let _ = (store, credit);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isolation {
    /// Each read sees what was committed last, and the transaction's own writes. A write locks its key to the end of the
    /// transaction: other writers of that key wait for it, up to 5 s of virtual time, and then write over what was
    /// committed. Where transactions wait for each other, the one whose 5 s are over first is rolled back, with
    /// [`Error::Conflict`](crate::Error::Conflict).
    ReadCommitted,
    /// Reads see what was committed when the transaction began, and its own writes; nobody waits for anybody. The first to
    /// commit wins: a commit fails with [`Error::Conflict`](crate::Error::Conflict), and leaves nothing, if a key that the
    /// transaction wrote was written by another one since it began. A write outside any transaction counts as a
    /// transaction of its own.
    Snapshot,
    /// One transaction at a time: whoever begins another one, or writes outside, waits for it, up to 5 s of virtual time,
    /// and then gets [`Error::Conflict`](crate::Error::Conflict).
    #[default]
    Serializable,
}
