//! Where messages come from: a proptest generator, or a list.
//!
//! A history names each message by a seed; here the seed becomes the message again. Which integers tell messages apart is
//! `told_apart`; which sets of messages are searched is `workloads`.

mod told_apart;
mod workloads;

use std::{any::Any, fmt, str::FromStr};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    Error, Message,
    history::{Payload, Published},
    subject::Workload,
};
use told_apart::ToldApart;

/// Set in a seed: the inverse of what the rest of the seed makes.
const INVERSE: u64 = 1 << 63;

/// In a seed, how often the generated value was simplified stands above this bit.
const SIMPLIFIED: u32 = 32;

/// More simplifications than this are not made.
const MOST_SIMPLIFICATIONS: u64 = 1024;

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
}

enum Source<P> {
    /// Payloads, by seed.
    Payloads { make: Box<dyn Fn(u64) -> P>, integers: Option<ToldApart> },
    /// Whole messages, by seed.
    Whole(Box<dyn Fn(u64) -> Message<P>>),
    /// These, and no others.
    Exactly(Vec<Message<P>>),
}

impl<P: Clone + fmt::Debug + 'static> Messages<P> {
    /// Messages whose ids and ordering keys are generated too.
    pub fn generate(each: impl Strategy<Value = Message<P>> + 'static) -> Self {
        Self { source: Source::Whole(by_seed(each)) }
    }

    /// These messages, in this publish order, and no others.
    pub fn exactly(all: impl IntoIterator<Item = Message<P>>) -> Self {
        Self { source: Source::Exactly(all.into_iter().collect()) }
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
        Self { source: Source::Payloads { make, integers } }
    }
}

/// A generator as a function of a seed. The same seed gives the same value, in every run and on every machine.
fn by_seed<V: fmt::Debug>(each: impl Strategy<Value = V> + 'static) -> Box<dyn Fn(u64) -> V> {
    Box::new(move |seed| {
        let (base, simplifications) = (seed & ((1 << SIMPLIFIED) - 1), seed >> SIMPLIFIED);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&base.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config { failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, rng);
        let mut tree = each.new_tree(&mut runner).unwrap_or_else(|why| {
            panic!("the generator of messages gave up ({why}): its filters reject nearly everything")
        });
        for _ in 0..simplifications.min(MOST_SIMPLIFICATIONS) {
            if !tree.simplify() {
                break;
            }
        }
        tree.current()
    })
}

/// A payload that a person wrote, where its type can be read back.
fn parsed<P: 'static>(text: &str) -> Option<P> {
    fn read<T: FromStr + 'static, P: 'static>(text: &str) -> Option<P> {
        let mut value = Some(text.parse::<T>().ok()?);
        (&mut value as &mut dyn Any).downcast_mut::<Option<P>>()?.take()
    }
    read::<i64, P>(text)
        .or_else(|| read::<u64, P>(text))
        .or_else(|| read::<i32, P>(text))
        .or_else(|| read::<u32, P>(text))
        .or_else(|| read::<i128, P>(text))
        .or_else(|| read::<u128, P>(text))
        .or_else(|| read::<i16, P>(text))
        .or_else(|| read::<u16, P>(text))
        .or_else(|| read::<i8, P>(text))
        .or_else(|| read::<u8, P>(text))
        .or_else(|| read::<isize, P>(text))
        .or_else(|| read::<usize, P>(text))
        .or_else(|| read::<bool, P>(text))
        .or_else(|| read::<String, P>(text))
}

/// FNV-1a of what `Debug` prints: the same in every version of this crate, since it stands in people's files.
fn hash_of(value: &impl fmt::Debug) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{value:?}").bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests;
