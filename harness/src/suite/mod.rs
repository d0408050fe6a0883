//! Ready-made checks of a part that many handlers share: a store of claims.
//!
//! A *store of claims* is what stands before a handler and lets each message through once: Redis with `SET NX`, a table with a
//! primary key, somebody's crate for idempotency keys. Whoever writes one says in [`Claims`] what its three operations are, and
//! [`Harness::check_claims`] checks them: each [`Case`] is a handler around that store, whose histories are searched as those
//! of any other.
//!
//! ```
//! use std::time::Duration;
//! use redeliver_harness::{Error, Harness, KeyValue, suite::{Claimed, Claims}};
//!
//! struct Keys(KeyValue);
//!
//! impl Claims for Keys {
//!     type Token = (String, String);
//!     type Reply = String;
//!     type Error = Error;
//!
//!     async fn claim(&self, id: &str, _now: Duration) -> Result<Claimed<(String, String), String>, Error> {
//!         let number = self.0.add("tokens", 1).await?.to_string();
//!         if self.0.put_if_absent(id, &number, Some(Duration::from_secs(30))).await? {
//!             return Ok(Claimed::Won((id.to_owned(), number)));
//!         }
//!         Ok(match self.0.get(id).await? {
//!             Some(done) if done.starts_with('=') => Claimed::Done(done[1..].to_owned()),
//!             _ => Claimed::Busy,
//!         })
//!     }
//!
//!     async fn complete(&self, (id, number): (String, String), reply: String) -> Result<(), Error> {
//!         let tx = self.0.begin().await?;
//!         if tx.get(&id).await? != Some(number) {
//!             return Err(Error::other("the claim ran out"));
//!         }
//!         tx.put(&id, &format!("={reply}")).await?;
//!         tx.commit().await
//!     }
//!
//!     async fn release(&self, (id, number): (String, String)) -> Result<(), Error> {
//!         let tx = self.0.begin().await?;
//!         if tx.get(&id).await? == Some(number) {
//!             tx.delete(&id).await?;
//!         }
//!         tx.commit().await
//!     }
//!
//!     fn reply(number: u32) -> String {
//!         format!("charge {number}")
//!     }
//! }
//!
//! Harness::new(KeyValue::new("redis")).process(Keys).named("my_claims").check_claims();
//! ```
//!
//! # One test or several
//! `check_claims` is one test that prints a line for each case and names those that fail. Where each is to be a test of its
//! own, there is [`Harness::prepare_claims`], which makes a [`Prepared`] of one case: a `#[test]` each, a row of a command
//! line, or a trial of a test harness that takes a list.
//!
//! ```
//! # use std::time::Duration;
//! # use redeliver_harness::{Error, Harness, KeyValue, suite::{Claimed, Claims}};
//! # struct Forgetful(KeyValue);
//! # impl Claims for Forgetful {
//! #     type Token = String;
//! #     type Reply = u32;
//! #     type Error = Error;
//! #     async fn claim(&self, id: &str, _now: Duration) -> Result<Claimed<String, u32>, Error> {
//! #         Ok(match self.0.put_if_absent(id, "", None).await? {
//! #             true => Claimed::Won(id.to_owned()),
//! #             false => Claimed::Busy,
//! #         })
//! #     }
//! #     async fn complete(&self, _: String, _: u32) -> Result<(), Error> { Ok(()) }
//! #     async fn release(&self, id: String) -> Result<(), Error> { self.0.delete(&id).await.map(drop) }
//! #     fn reply(number: u32) -> u32 { number }
//! # }
//! use redeliver_harness::suite::Case;
//!
//! let harness = || Harness::new(KeyValue::new("redis")).process(Forgetful);
//! let fails = |case: &Case| harness().prepare_claims(*case).verdict().anomaly().is_some();
//! let failing: Vec<&str> = Case::ALL.iter().filter(|case| fails(case)).map(|case| case.name()).collect();
//! // It never learns that a message is done, nor that whoever claimed one is dead.
//! assert_eq!(failing, ["crash-recovered", "reply-kept", "ids-apart"]);
//! ```

mod case;
mod handlers;
mod shared;
#[cfg(test)]
mod tests;

use std::{fmt, panic::Location, rc::Rc, sync::Arc, time::Duration};

pub use case::Case;

use crate::{
    Contract, Delivery, Effects, Harness, IntoOutcome, Messages, Prepared, Store, check,
    suite::{case::Asked, shared::Shared},
    world::{Boot, World},
};

/// A store of claims, in these words: implement it for yours, or for a type around it.
///
/// Every operation is to be made of operations of handles that the harness gave out, or of
/// [`step`](redeliver_point::step): what it does between two of them, nothing comes in between.
pub trait Claims {
    /// What whoever won holds, and gives back to complete it or to give it up.
    type Token;
    /// What a message is answered with.
    type Reply: Clone + fmt::Debug + PartialEq + 'static;
    /// What goes wrong.
    type Error: fmt::Display;

    /// Asks for a message by its id. `now` is what time it is, from the start of the history, in whole milliseconds: for
    /// a store whose claims run out and which has no clock of its own that follows the virtual one. The time to live of a
    /// [`KeyValue`](crate::KeyValue) does, and so does `tokio::time`.
    fn claim(
        &self,
        id: &str,
        now: Duration,
    ) -> impl Future<Output = Result<Claimed<Self::Token, Self::Reply>, Self::Error>>;

    /// Says that the message was handled, with this reply.
    fn complete(&self, token: Self::Token, reply: Self::Reply) -> impl Future<Output = Result<(), Self::Error>>;

    /// Gives the message up, so that somebody else can claim it.
    fn release(&self, token: Self::Token) -> impl Future<Output = Result<(), Self::Error>>;

    /// A reply for the suite to answer with: another one for another number.
    fn reply(number: u32) -> Self::Reply;
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed<T, R> {
    /// It is yours: handle it, then complete it or give it up.
    Won(T),
    /// Somebody else is at it. Come again later.
    Busy,
    /// It was handled, and this was the reply.
    Done(R),
}

/// What is made of the process that a harness starts: the claims, and the world in which messages take effect.
type Bench<C> = (Rc<C>, Effects);

impl<S: Store, C: Claims + 'static> Harness<S, C> {
    /// Checks a store of claims, for use in a `#[test]`: every [`Case`], with a line for each that holds.
    ///
    /// Each is searched as [`check`](Harness::check) searches, with a model and faults of its own: what this harness says
    /// of those, of contracts, invariants and random histories counts for nothing, and what its store observes is not
    /// looked at. Earlier counterexamples, what a pass leaves behind and `REDELIVER_HISTORY` are as there, under the name
    /// of the test and the case: `my_claims/one-wins`.
    ///
    /// # Panics
    /// If a case fails, or nothing can be said of it: with the names of those, and the report of each.
    #[track_caller]
    pub fn check_claims(self) {
        let caller = Location::caller();
        let test = self.options().name.clone().unwrap_or_else(|| check::name_of_test(caller));
        let asked = check::asked_for(&test).unwrap_or_else(|error| panic!("{error}"));
        let bench = Suite::of(self);
        let mut failing = Vec::new();
        let mut reports = String::new();
        for case in Case::ALL.into_iter().filter(|case| asked.as_ref().is_none_or(|name| name == case.name())) {
            match bench.prepared(case).named(&format!("{test}/{case}")).tried(caller) {
                Ok(passed) => println!("{}", passed.lines().next().unwrap_or_default()),
                Err(report) => {
                    failing.push(case.name());
                    reports.push_str(&format!("\n{case}: {}\n\n{report}", case.promise()));
                }
            }
        }
        let all = Case::ALL.len();
        let fail = if failing.len() == 1 { "fails" } else { "fail" };
        assert!(
            failing.is_empty(),
            "{test}: {} of {all} cases {fail}: {}\n{reports}",
            failing.len(),
            failing.join(", ")
        );
    }

    /// One case as a check of its own.
    pub fn prepare_claims(self, case: Case) -> Prepared {
        let name = self.options().name.clone();
        let prepared = Suite::of(self).prepared(case);
        match name {
            Some(name) => prepared.named(&name),
            None => prepared,
        }
    }
}

/// What all cases share: one store, and how a process starts.
struct Suite<S: Store, C> {
    store: Shared<S>,
    boot: Arc<Boot<S, C>>,
}

impl<S: Store, C: Claims + 'static> Suite<S, C> {
    fn of(harness: Harness<S, C>) -> Self {
        let (store, boot) = harness.into_parts();
        Self { store: Shared::new(store), boot: Arc::new(boot) }
    }

    fn prepared(&self, case: Case) -> Prepared {
        let asked = case.asked();
        let amounts = || Messages::from(1..1000u32);
        match case {
            Case::OneWins | Case::LoserHears | Case::CrashRecovered | Case::ReplyKept => {
                self.around(asked, amounts(), handlers::handle::<C>)
            }
            Case::GivenUp => self.around(asked, amounts(), handlers::give_up_first::<C>),
            Case::StaleToken => self.around(asked, amounts(), handlers::outlive_a_claim::<C>),
            Case::IdsApart => self.around(asked, handlers::alike(), handlers::claim_both::<C>),
        }
    }

    /// A check of this handler on a bench.
    fn around<P, O, F>(&self, asked: Asked, messages: Messages<P>, handler: F) -> Prepared
    where
        P: Clone + fmt::Debug + Send + Sync + 'static,
        F: AsyncFn(&Bench<C>, &Delivery<P>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        let store = (self.store.clone(), Effects::new().named("world"));
        let world = World::new(store, self.boot.beside(), messages, handler);
        let options = check::Options {
            model: asked.model,
            contract: Contract::strict(),
            faults: asked.faults,
            only: asked.kinds,
            ..check::Options::default()
        };
        Prepared::new(Box::new(world), options).cases(0)
    }
}
