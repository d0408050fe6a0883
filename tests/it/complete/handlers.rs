//! Handlers of the complete search's tests, over the key-value store. Each message is worth 100 under a key of its own, or
//! its amount in one balance.

use std::time::Duration;

use redeliver::{Bounds, Delivery, Error, Harness, Isolation, KeyValue, Prepared};

/// So many messages, each twice, dealt to so many processes, of which so many crash.
pub fn bounds(messages: usize, processes: usize, crashes: usize) -> Bounds {
    Bounds::default().messages(messages).processes(processes).crashes(crashes)
}

pub fn on_key_value<F>(isolation: Isolation, handler: F) -> Prepared
where
    F: AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
{
    let store = KeyValue::new("bank").isolation(isolation).observe_prefix("balance");
    Harness::new(store).prepare(1..1000i64, handler)
}

fn own_row(m: &Delivery<i64>) -> String {
    format!("balance:{}", m.id())
}

/// All in one step: a transaction of one row.
pub async fn atomic(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.put_if_absent(&own_row(m), "100", None).await.map(drop)
}

/// Looks, applies and marks.
pub async fn apply_mark(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.get(m.id()).await?.is_none() {
        kv.add(&own_row(m), 100).await?;
        kv.put(m.id(), "seen").await?;
    }
    Ok(())
}

/// The same where all messages change one row.
pub async fn apply_mark_shared(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.get(m.id()).await?.is_none() {
        kv.add("balance", 100).await?;
        kv.put(m.id(), "seen").await?;
    }
    Ok(())
}

/// Claims, and applies.
pub async fn mark_apply(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.put_if_absent(m.id(), "seen", None).await? {
        kv.add(&own_row(m), 100).await?;
    }
    Ok(())
}

/// Marks and applies in a transaction.
pub async fn transaction(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "1", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

/// Reads a balance in a transaction and writes it back; what cannot commit is left.
pub async fn writes_back(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.get(m.id()).await?.is_none() {
        let balance: i64 = tx.get("balance").await?.and_then(|balance| balance.parse().ok()).unwrap_or(0);
        tx.put("balance", &(balance + m.payload()).to_string()).await?;
        tx.put(m.id(), "1").await?;
    }
    let _ = tx.commit().await;
    Ok(())
}

/// Looks in a transaction, and applies outside of any.
pub async fn half_outside(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    let seen = tx.get(m.id()).await?;
    tx.put(m.id(), "1").await?;
    let _ = tx.commit().await;
    if seen.is_none() {
        kv.add("balance", *m.payload()).await?;
    }
    Ok(())
}

/// The two copies of a message lock the same two rows in different orders. Who is refused leaves it.
pub async fn crosswise(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let is_odd = m.broker_id().ends_with(['1', '3']);
    let (one, other) = if is_odd { ("balance:a", "balance:b") } else { ("balance:b", "balance:a") };
    let tx = kv.begin().await?;
    if tx.add(one, *m.payload()).await.is_ok() && tx.add(other, *m.payload()).await.is_ok() {
        let _ = tx.commit().await;
    }
    Ok(())
}

/// Compares before it sets, in a transaction, and so may have taken no lock.
pub async fn compares(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    let won = tx.compare_and_set("balance", "100", "200").await?;
    if !won && tx.put_if_absent("balance", "100", None).await? {
        tx.add(&own_row(m), 1).await?;
    }
    let _ = tx.commit().await;
    Ok(())
}

/// Claims for a second and a half; whoever finds a claim asks to be called again.
pub async fn claims_for_a_while(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let (claim, done) = (format!("claim:{}", m.id()), format!("done:{}", m.id()));
    if kv.get(&done).await?.is_some() {
        return Ok(());
    }
    if !kv.put_if_absent(&claim, "1", Some(Duration::from_millis(1_500))).await? {
        return Err(Error::Conflict { cause: "somebody else is at it" });
    }
    kv.add("balance", *m.payload()).await?;
    kv.put(&done, "1").await
}

/// The last one wins: which order is right depends on which came first.
pub async fn last_wins(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.put("balance", &m.payload().to_string()).await
}

/// Leaves a number that it draws.
pub async fn draws(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let drawn = m.random() % 1_000;
    kv.put(&own_row(m), &drawn.to_string()).await
}
