//! Places for `redeliver` in code that holds a client of its own.
//!
//! [`point`] marks a place where other deliveries may run and where the process may crash; [`step`](fn@step) makes somebody else's
//! operation one step, that can also fail or lose its reply. Outside of `redeliver` a point does nothing and a step is the
//! operation itself, so both may stay in production code. This crate has no dependencies and knows nothing of the machine
//! that runs the steps: that one registers itself through [`host`].
//!
//! ```
//! use redeliver_point::{point, step};
//! # use std::{future::ready, pin::pin, task::{Context, Poll, Waker}};
//! # struct Transaction;
//! # impl Transaction {
//! #     async fn execute(&self, _: &str) -> Result<u64, std::io::Error> { Ok(1) }
//! #     async fn commit(self) -> Result<(), std::io::Error> { Ok(()) }
//! # }
//!
//! async fn credit(tx: Transaction) -> Result<(), std::io::Error> {
//!     let broken = || std::io::ErrorKind::ConnectionReset.into();
//!     step("update", tx.execute("UPDATE …")).or_fail(broken).await?;
//!     point("before the commit").await;
//!     step("commit", tx.commit()).or_fail(broken).await
//! }
//! # let done = pin!(credit(Transaction)).poll(&mut Context::from_waker(Waker::noop()));
//! # assert!(matches!(done, Poll::Ready(Ok(()))));
//! # use std::future::Future;
//! ```

mod drive;
#[doc(hidden)]
pub mod host;
mod step;

pub use step::{Step, point, step};
