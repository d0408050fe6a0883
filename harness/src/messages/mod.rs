//! Where messages come from: a proptest generator, or a list.
//!
//! A history names each message by a seed; here the seed becomes the message again. Which integers tell messages apart is
//! `told_apart`; which sets of messages are searched is `workloads`, and which are drawn for random search `drawn`. `runner`
//! is what draws, and `parsed` reads what a person wrote.

mod drawn;
mod parsed;
mod runner;
mod told_apart;
mod workloads;

use std::{fmt, sync::Arc};

use proptest::strategy::Strategy;

use crate::{
    Error, Message,
    history::{Payload, Published},
    subject::Workload,
};
use parsed::parsed;
pub(crate) use runner::runner;
use runner::{MOST_SIMPLIFICATIONS, SIMPLIFIED, by_seed};
use told_apart::ToldApart;
pub(crate) use workloads::Contrasts;

/// Set in a seed: the inverse of what the rest of the seed makes.
const INVERSE: u64 = 1 << 63;

/// Not more integers than these are tried in the place of one: somebody may have written a seed of any size.
const MOST_SIMPLER: u64 = 8;

/// Where messages come from.
///
/// Any proptest generator of payloads is one: its messages have the ids `m0`, `m1`, … and no ordering key. A range of
/// integers gives payloads that can be told apart: no two sets of messages have the same sum, so that a message that took
/// effect twice is never mistaken for another one that was lost.
///
/// ```
/// use redeliver_harness::{Message, Messages};
///
/// let generated = Messages::from(1..1000i64);
/// let listed = Messages::exactly([Message::new("order-7", 100).ordered_by("account-666")]);
/// # let _ = (generated, listed);
/// ```
pub struct Messages<P> {
    source: Source<P>,
    /// How many ordering keys random search gives out.
    ordering_keys: usize,
    /// Messages share ids on purpose.
    colliding_ids: bool,
    vary: Option<Vary<P>>,
}

/// What a producer changes from one copy of a message to the next.
pub(crate) type Vary<P> = Arc<dyn Fn(&mut Message<P>, u32) + Send + Sync>;

enum Source<P> {
    /// Payloads, by seed.
    Payloads { make: Box<dyn Fn(u64) -> P>, integers: Option<ToldApart> },
    /// Whole messages, by seed.
    Whole(Box<dyn Fn(u64) -> Message<P>>),
    /// These, and no others.
    Exactly(Vec<Message<P>>),
}

impl<P: Clone + fmt::Debug + 'static> Messages<P> {
    fn of(source: Source<P>) -> Self {
        Self { source, ordering_keys: 0, colliding_ids: false, vary: None }
    }

    /// Messages whose ids and ordering keys are generated too.
    ///
    /// In random histories each message is drawn by itself. So a generator of few ids makes messages that share one, with
    /// the same payload or with another: two intents under one id, each of which is to take effect as often as the handler
    /// makes it when both are delivered once.
    ///
    /// ```
    /// use redeliver_harness::{Message, Messages, proptest::{sample::select, strategy::Strategy}};
    ///
    /// // A join of tenant and id that merges two of them, and ids that differ in case.
    /// let ids = (select(vec!["a", "a:b"]), select(vec!["c", "b:c", "C"]), 1..9i64);
    /// let messages = Messages::generate(ids.prop_map(|(tenant, id, n)| Message::new(format!("{tenant}:{id}"), n)));
    /// # let _ = messages;
    /// ```
    pub fn generate(each: impl Strategy<Value = Message<P>> + 'static) -> Self {
        Self::of(Source::Whole(by_seed(each)))
    }

    /// These messages, in this publish order, and no others.
    ///
    /// Random histories are about the first five of them at most: more messages than that, in any order, are too many to be
    /// judged.
    pub fn exactly(all: impl IntoIterator<Item = Message<P>>) -> Self {
        Self::of(Source::Exactly(all.into_iter().collect()))
    }

    /// In random histories each message has one of so many ordering keys, `key-0`, `key-1`, …; 0 by default, for none. One
    /// that its generator gave a key keeps it. Does nothing for [`exactly`](Messages::exactly), nor for the histories that
    /// are searched by fault count, two messages of one key being among them anyway where no generator gives keys.
    #[must_use]
    pub fn ordering_keys(mut self, n: usize) -> Self {
        self.ordering_keys = n;
        self
    }

    /// In random histories about every other message has the id of an earlier one, with a payload of its own: an id that is
    /// used again, another tenant's, two handlers of one event. Without this only a generator of ids makes such messages.
    /// Does nothing for [`exactly`](Messages::exactly).
    ///
    /// Such a message is an intent of its own, and right is what the handler makes of both when each is delivered once. One
    /// that takes the second for a duplicate of the first agrees with itself, unless it does so in some histories only.
    #[must_use]
    pub fn colliding_ids(mut self) -> Self {
        self.colliding_ids = true;
        self
    }

    /// What a producer changes when it sends a message again: the time at which it was sent, an envelope's id, the order of
    /// its fields, even its id. Called for the second copy of a message that the broker holds with 2, for the third with 3,
    /// each time with the message as it was sent first; `duplicate` makes such copies. A redelivery is of the same copy, and
    /// not varied.
    ///
    /// Right is what any one of the copies that were delivered leaves, once. So `vary` must do the same each time for the
    /// same message and number.
    ///
    /// ```
    /// use redeliver_harness::{Messages, proptest::strategy::Strategy};
    ///
    /// #[derive(Clone, Debug)]
    /// struct Charge {
    ///     cents: i64,
    ///     sent_at: u32,
    /// }
    ///
    /// let charges = (1..100i64).prop_map(|cents| Charge { cents, sent_at: 0 });
    /// let messages = Messages::from(charges).vary(|m, copy| m.payload.sent_at = copy);
    /// # let _ = messages;
    /// ```
    #[must_use]
    pub fn vary(mut self, f: impl Fn(&mut Message<P>, u32) + Send + Sync + 'static) -> Self {
        self.vary = Some(Arc::new(f));
        self
    }

    /// The message that a history names.
    pub(crate) fn message(&self, published: &Published, place: usize) -> Result<Message<P>, Error> {
        let complaint = |cause: String| Error::Message { message: place, cause };
        let mut message = match &published.payload {
            Payload::Written(text) => self.written(text, place).map_err(complaint)?,
            Payload::Generated { seed, hash } => {
                let (message, found) = self.seeded(*seed, place).map_err(complaint)?;
                if hash.is_some_and(|hash| hash != found) {
                    return Err(complaint(
                        "what the generator makes of this seed is not what it made when the history was written: the \
                         generator, or the Debug of its payloads, has changed since"
                            .into(),
                    ));
                }
                message
            }
        };
        if let Some(id) = &published.id {
            message.id.clone_from(id);
        }
        if published.ordering_key.is_some() {
            message.ordering_key.clone_from(&published.ordering_key);
        }
        Ok(message)
    }

    /// The message of a seed, and a hash of what was generated.
    fn seeded(&self, seed: u64, place: usize) -> Result<(Message<P>, u64), String> {
        match &self.source {
            Source::Payloads { integers: Some(integers), .. }
                if !integers.makes(seed & !INVERSE, seed & INVERSE != 0) =>
            {
                Err(format!("the check's range of integers makes nothing of the seed {seed}"))
            }
            Source::Payloads { make, .. } => {
                let payload = make(seed);
                let hash = hash_of(&payload);
                Ok((Message::new(format!("m{place}"), payload), hash))
            }
            Source::Whole(make) => {
                let message = make(seed);
                let hash = hash_of(&message);
                Ok((message, hash))
            }
            Source::Exactly(all) => {
                let found = usize::try_from(seed).ok().and_then(|at| all.get(at));
                let message = found.cloned().ok_or_else(|| {
                    format!("the check lists {} messages, and the history names number {seed}, from 0", all.len())
                })?;
                let hash = hash_of(&message);
                Ok((message, hash))
            }
        }
    }

    /// The message whose payload a person wrote down.
    fn written(&self, text: &str, place: usize) -> Result<Message<P>, String> {
        if let Some(payload) = parsed::<P>(text) {
            return Ok(Message::new(format!("m{place}"), payload));
        }
        match &self.source {
            Source::Exactly(all) => all
                .iter()
                .find(|message| format!("{:?}", message.payload) == text)
                .cloned()
                .ok_or_else(|| format!("none of the check's messages has the payload `{text}`")),
            _ => Err(format!(
                "the payload `{text}` cannot be read back: only integers, booleans and strings can. Name it by its seed \
                 (`seed=0`)"
            )),
        }
    }

    fn published(&self, seed: u64) -> Published {
        let hash = self.seeded(seed, 0).ok().map(|(_, hash)| hash);
        Published { id: None, ordering_key: None, payload: Payload::Generated { seed, hash } }
    }

    pub(crate) fn workloads(&self, at_most: usize) -> Vec<Workload> {
        workloads::family(self, at_most)
    }

    /// The messages of one random workload: so many, or as many as there are.
    pub(crate) fn drawn(&self, count: usize, draw: &mut dyn FnMut() -> u32) -> Vec<Published> {
        drawn::drawn(self, count, draw)
    }

    /// Messages to try in the place of this one while shrinking, simplest first.
    pub(crate) fn simpler(&self, published: &Published) -> Vec<Published> {
        let Payload::Generated { seed, .. } = published.payload else { return Vec::new() };
        let seeds: Vec<u64> = match &self.source {
            Source::Exactly(_) => Vec::new(),
            Source::Payloads { integers: Some(_), .. } => (0..(seed & !INVERSE).min(MOST_SIMPLER)).collect(),
            Source::Payloads { .. } | Source::Whole(_) => {
                let (base, done) = (seed & ((1 << SIMPLIFIED) - 1), seed >> SIMPLIFIED);
                let steps = [MOST_SIMPLIFICATIONS, 64, 8, done + 1];
                steps.into_iter().filter(|steps| *steps > done).map(|steps| base | steps << SIMPLIFIED).collect()
            }
        };
        let keep = |seed| Published { payload: self.published(seed).payload, ..published.clone() };
        // A seed that makes the same message again is no simpler.
        seeds.into_iter().map(keep).filter(|simpler| simpler.hash() != published.hash()).collect()
    }
}

impl<P> Messages<P> {
    pub(crate) fn varies(&self) -> Option<Vary<P>> {
        self.vary.clone()
    }
}

impl<G> From<G> for Messages<G::Value>
where
    G: Strategy + 'static,
    G::Value: Clone + fmt::Debug + 'static,
{
    fn from(each: G) -> Self {
        let integers = ToldApart::of(&each);
        let make: Box<dyn Fn(u64) -> G::Value> = match integers {
            Some(integers) => Box::new(move |seed| integers.value(seed & !INVERSE, seed & INVERSE != 0)),
            None => by_seed(each),
        };
        Self::of(Source::Payloads { make, integers })
    }
}

/// FNV-1a of what `Debug` prints: the same in every version of this crate, since it stands in people's files.
fn hash_of(value: &impl fmt::Debug) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{value:?}").bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests;
