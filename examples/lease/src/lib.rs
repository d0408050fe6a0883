//! Royalties: each sale is priced by a slow service and then added to what its author is owed.
//!
//! Pricing costs money, so that one worker at a time should do it for a sale: a lock in Redis with a time to live, the
//! *lease*, so that a worker that died holds nobody up. The work has a deadline well within the lease.
//!
//! What that shows: no deadline makes a lease safe. Between the deadline and the write a worker can stand still (a pause of
//! the machine, a slow network) for longer than its lease has left. Then another one took the lock, did the work and wrote,
//! and the first one writes all the same. The lease saves work; only the write can make it count once, by asking in the same
//! step whether the lock is still this worker's.

use std::time::Duration;

use tokio::time;

/// How long a lock is held at most.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long pricing may take: well within the lease.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Why a sale was not settled now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another worker has the lock.
    #[error("another worker is at it")]
    Busy,
    /// The lock was another's, or nobody's, when the work was to be written.
    #[error("the lease ran out")]
    LeaseLost,
    /// Pricing took too long.
    #[error("no price in time: {0}")]
    NoPrice(#[from] time::error::Elapsed),
    /// Redis could not be asked, or its answer was lost.
    #[error("redis: {0}")]
    Redis(String),
}

/// The commands of Redis that are used here.
pub trait Redis: Clone + Send + Sync + 'static {
    /// `GET key`
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<String>, Error>> + Send;

    /// `SET key value NX PX ttl`. Whether it was set.
    fn set_nx(&self, key: &str, value: &str, ttl: Duration) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Deletes a key that has this value, by a script.
    fn delete_if(&self, key: &str, value: &str) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Does all of these at once (`MULTI`), if each of those keys has that value, by a script. Whether it did.
    fn write(&self, only_if: &[(&str, &str)], all: &[Write<'_>]) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// A command that writes.
#[derive(Clone, Copy, Debug)]
pub enum Write<'a> {
    /// `SET key value`
    Set(&'a str, &'a str),
    /// `INCRBY key amount`
    IncrBy(&'a str, i64),
}

/// How a worker writes what it worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fencing {
    /// It trusts in its lease. This is the bug.
    Trusting,
    /// Only if the lock is still its own, which is asked and written in one step.
    Checked,
}

/// A lock that is held for so long as the lease lasts. It is given back when it is dropped, by a panic or by whoever stops
/// waiting for the worker too, but never when it is another's by then.
struct Lock<R: Redis> {
    redis: R,
    key: String,
    token: String,
}

impl<R: Redis> Lock<R> {
    /// Takes the lock, under a token that nobody else uses.
    async fn take(redis: &R, key: String, token: &str) -> Result<Self, Error> {
        if !redis.set_nx(&key, token, LEASE).await? {
            return Err(Error::Busy);
        }
        Ok(Self { redis: redis.clone(), key, token: token.to_owned() })
    }
}

impl<R: Redis> Drop for Lock<R> {
    fn drop(&mut self) {
        let (redis, key, token) = (self.redis.clone(), std::mem::take(&mut self.key), std::mem::take(&mut self.token));
        // Where this is lost, the lease runs out.
        tokio::spawn(async move { redis.delete_if(&key, &token).await });
    }
}

/// Settles a sale, once for each id. `token` is this attempt's own: a process and a counter, or a random one.
///
/// # Errors
/// Not now: the sale is to be delivered again.
pub async fn settle<R: Redis>(redis: &R, fencing: Fencing, id: &str, token: &str, cents: i64) -> Result<(), Error> {
    let lock = Lock::take(redis, format!("lock:{id}"), token).await?;
    let settled = format!("settled:{id}");
    if redis.get(&settled).await?.is_some() {
        return Ok(());
    }
    let royalty = time::timeout(DEADLINE, price(cents)).await?;
    let mine = [(lock.key.as_str(), token)];
    let only_if = match fencing {
        Fencing::Trusting => &[][..],
        Fencing::Checked => &mine[..],
    };
    match redis.write(only_if, &[Write::IncrBy("owed", royalty), Write::Set(&settled, token)]).await? {
        true => Ok(()),
        false => Err(Error::LeaseLost),
    }
}

/// The slow service.
async fn price(cents: i64) -> i64 {
    time::sleep(Duration::from_secs(5)).await;
    cents
}
