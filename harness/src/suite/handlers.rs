//! The handlers that the cases are: what they do with claims, and what they make of the answers.
//!
//! Where a plain sequence of calls is answered wrongly, the handler asks to be called again and says why. So the message is
//! never handled, and the report shows the calls and that reason.

use std::{fmt::Display, time::Duration};

use super::{Bench, Claimed, Claims};
use crate::{Delivery, Message, Messages, Outcome};

/// What every message does in the outside world.
const EFFECT: &str = "handled";

/// A claim that was asked for: what is left to do, or how the delivery ends.
async fn won<C: Claims, P>((claims, _): &Bench<C>, m: &Delivery<P>) -> Result<C::Token, Outcome<C::Reply>> {
    match claims.claim(m.id(), m.now()).await {
        Ok(Claimed::Won(token)) => Ok(token),
        Ok(Claimed::Busy) => Err(again("somebody else is at it")),
        Ok(Claimed::Done(reply)) => Err(Outcome::Done(reply)),
        Err(error) => Err(again(error)),
    }
}

/// The message takes effect and is completed; where it does not take effect it is given up.
async fn done<C: Claims>((claims, world): &Bench<C>, m: &Delivery<u32>, token: C::Token) -> Outcome<C::Reply> {
    if let Err(error) = world.perform(EFFECT, m.payload()).await {
        // The claim runs out if this fails too.
        drop(claims.release(token).await);
        return again(error);
    }
    let reply = C::reply(*m.payload());
    match claims.complete(token, reply.clone()).await {
        Ok(()) => Outcome::Done(reply),
        Err(error) => again(error),
    }
}

fn again<R>(why: impl Display) -> Outcome<R> {
    Outcome::Retry(why.to_string())
}

/// Claims, takes effect, completes.
pub(super) async fn handle<C: Claims>(bench: &Bench<C>, m: &Delivery<u32>) -> Outcome<C::Reply> {
    match won(bench, m).await {
        Ok(token) => done(bench, m, token).await,
        Err(end) => end,
    }
}

/// Claims, gives the claim up, and claims again.
pub(super) async fn give_up_first<C: Claims>(bench: &Bench<C>, m: &Delivery<u32>) -> Outcome<C::Reply> {
    let (claims, _) = bench;
    let first = match won(bench, m).await {
        Ok(token) => token,
        Err(end) => return end,
    };
    if let Err(error) = claims.release(first).await {
        return again(error);
    }
    match claims.claim(m.id(), m.now()).await {
        Ok(Claimed::Won(token)) => done(bench, m, token).await,
        Ok(Claimed::Busy) => again("it was given up, and still somebody is said to be at it"),
        Ok(Claimed::Done(_)) => again("it was given up, and is said to be done"),
        Err(error) => again(error),
    }
}

/// A claim that has not run out after so many doublings of a second, three days, never does.
const DOUBLINGS: u32 = 18;

/// Claims, waits until the claim has run out and somebody else has it, and gives up what it no longer has.
pub(super) async fn outlive_a_claim<C: Claims>(bench: &Bench<C>, m: &Delivery<u32>) -> Outcome<C::Reply> {
    let (claims, _) = bench;
    let stale = match won(bench, m).await {
        Ok(token) => token,
        Err(end) => return end,
    };
    let mut fresh = None;
    for doublings in 0..DOUBLINGS {
        tokio::time::sleep(Duration::from_secs(1 << doublings)).await;
        match claims.claim(m.id(), m.now()).await {
            Ok(Claimed::Busy) => {}
            Ok(Claimed::Won(token)) => {
                fresh = Some(token);
                break;
            }
            Ok(Claimed::Done(_)) => return again("nobody completed it, and it is said to be done"),
            Err(error) => return again(error),
        }
    }
    let Some(fresh) = fresh else { return done(bench, m, stale).await };
    // That it may not is as good an answer as that it did nothing.
    drop(claims.release(stale).await);
    match claims.claim(m.id(), m.now()).await {
        Ok(Claimed::Busy) => done(bench, m, fresh).await,
        Ok(Claimed::Won(_)) => again("a token whose claim had run out gave up what somebody else had claimed"),
        Ok(Claimed::Done(_)) => again("a token whose claim had run out completed what somebody else had claimed"),
        Err(error) => again(error),
    }
}

/// So many bytes are a long id.
const LONG: usize = 256;

/// Makes two ids.
type Pair = fn() -> (String, String);

/// Pairs of ids that something may take for one, by what makes them alike.
const ALIKE: [(&str, Pair); 6] = [
    ("ids that differ in case", || pair("order-a", "ORDER-A")),
    ("ids of which one ends in a blank", || pair("order-b", "order-b ")),
    ("ids that are one number", || pair("7", "07")),
    ("ids of which one is a pattern", || pair("order_c", "order-c")),
    ("ids that are two parts, joined", || pair("a:b", "a::b")),
    ("ids that differ behind 256 bytes", || pair(&("x".repeat(LONG) + "1"), &("x".repeat(LONG) + "2"))),
];

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// A message for each pair.
pub(super) fn alike() -> Messages<&'static str> {
    Messages::exactly((0..).zip(ALIKE).map(|(at, (what, _))| Message::new(format!("m{at}"), what)))
}

/// Claims and completes both ids of a pair, and asks for both replies.
pub(super) async fn claim_both<C: Claims>(bench: &Bench<C>, m: &Delivery<&'static str>) -> Outcome<C::Reply> {
    let (claims, world) = bench;
    let Some((what, ids)) = ALIKE.iter().find(|(what, _)| what == m.payload()) else {
        return Outcome::Reject("there is no such pair".to_owned());
    };
    let (one, other) = ids();
    let both = [(&one, C::reply(1)), (&other, C::reply(2))];
    for (id, reply) in &both {
        let completed = match claims.claim(id, m.now()).await {
            Ok(Claimed::Won(token)) => claims.complete(token, reply.clone()).await,
            Ok(Claimed::Busy | Claimed::Done(_)) => return again(format!("{what}: one is taken for the other")),
            Err(error) => Err(error),
        };
        if let Err(error) = completed {
            return again(error);
        }
    }
    for (id, reply) in &both {
        match claims.claim(id, m.now()).await {
            Ok(Claimed::Done(found)) if found == *reply => {}
            Ok(_) => return again(format!("{what}: one is answered as the other")),
            Err(error) => return again(error),
        }
    }
    match world.perform(EFFECT, what).await {
        Ok(_) => Outcome::Done(C::reply(1)),
        Err(error) => again(error),
    }
}
